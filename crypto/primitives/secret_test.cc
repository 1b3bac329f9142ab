// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/primitives/secret.h"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <new>
#include <ostream>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/constant_time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::crypto {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

template <class T>
concept Streamable = requires(std::ostream& out, const T& value) {
  out << value;
};
template <class T>
concept Concatenable = requires(const T& value) {
  absl::StrCat(value);
};

// The habits that the compiler enforces, for every kind of secret.
template <class S>
constexpr bool kIsGuarded =
    !std::is_copy_constructible_v<S> && !std::is_copy_assignable_v<S> &&
    std::is_nothrow_move_constructible_v<S> && std::is_nothrow_move_assignable_v<S> &&
    !std::equality_comparable<S> && !Streamable<S> && !Concatenable<S> &&
    !std::is_convertible_v<S, ByteSpan>;
static_assert(kIsGuarded<SessionSecret> && kIsGuarded<SelfMaskSeed>);
static_assert(kIsGuarded<MaskPrivateSeed> && kIsGuarded<PairwiseSeed>);
static_assert(kIsGuarded<ChannelPrivateKey> && kIsGuarded<MaskPrivateKey>);
static_assert(kIsGuarded<IdentityPrivateKey> && kIsGuarded<AeadKey> && kIsGuarded<SecretBuffer>);

// A secret exists only through a factory, and kinds do not mix.
static_assert(!std::is_default_constructible_v<SelfMaskSeed>);
static_assert(!std::is_constructible_v<SelfMaskSeed, MaskPrivateSeed>);
static_assert(!std::is_constructible_v<MaskSeed, SelfMaskSeed>);
static_assert(!std::is_constructible_v<ChannelPrivateKey, MaskPrivateKey>);
static_assert(!std::is_constructible_v<ChannelSharedSecret, MaskSharedSecret>);
static_assert(!std::is_assignable_v<SelfMaskSeed&, MaskPrivateSeed>);

void FillWithSevens(absl::Span<uint8_t> out) { std::fill(out.begin(), out.end(), uint8_t{7}); }

TEST(SecretTest, HasTheBytesItWasMadeFrom) {
  Bytes bytes(32);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  auto secret = SelfMaskSeed::FromBytes(bytes);
  ASSERT_TRUE(secret.ok());
  EXPECT_EQ(ExposeSecret(*secret), ByteSpan(bytes));
  ExposeSecretMutable(*secret)[0] = 99;
  EXPECT_EQ(ExposeSecret(*secret)[0], 99);
}

TEST(SecretTest, AnotherLengthIsRefusedWithoutShowingTheBytes) {
  for (size_t size : {0u, 31u, 33u, 64u}) {
    const auto secret = AeadKey::FromBytes(Bytes(size, 'x'));
    EXPECT_EQ(secret.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(secret.status().message(), HasSubstr("AEAD key is 32 bytes"));
    EXPECT_THAT(secret.status().message(), Not(HasSubstr("xx")));
  }
}

TEST(SecretTest, IsErasedWhenMovedFrom) {
  SelfMaskSeed first = SelfMaskSeed::Generate(FillWithSevens);
  SelfMaskSeed second = std::move(first);
  EXPECT_THAT(ExposeSecret(first), Each(0));  // NOLINT(bugprone-use-after-move)
  EXPECT_THAT(ExposeSecret(second), Each(7));
  SelfMaskSeed third = SelfMaskSeed::Generate([](absl::Span<uint8_t>) {});
  third = std::move(second);
  EXPECT_THAT(ExposeSecret(second), Each(0));  // NOLINT(bugprone-use-after-move)
  EXPECT_THAT(ExposeSecret(third), Each(7));
}

TEST(SecretTest, IsErasedWhenItDies) {
  alignas(SelfMaskSeed) unsigned char storage[sizeof(SelfMaskSeed)];
  auto* secret = new (storage) SelfMaskSeed(SelfMaskSeed::Generate(FillWithSevens));
  EXPECT_THAT(storage, Each(7));
  secret->~SelfMaskSeed();
  EXPECT_THAT(storage, Each(0));
}

TEST(SecretTest, ACloneIsIndependent) {
  SelfMaskSeed original = SelfMaskSeed::Generate(FillWithSevens);
  SelfMaskSeed clone = original.Clone();
  ExposeSecretMutable(original)[0] = 0;
  EXPECT_THAT(ExposeSecret(clone), Each(7));
}

TEST(SecretBufferTest, MovesAndClones) {
  SecretBuffer buffer = SecretBuffer::CopyOf(Bytes(5, 7));
  const SecretBuffer clone = buffer.Clone();
  const SecretBuffer taken = std::move(buffer);
  EXPECT_EQ(buffer.size(), 0u);  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(ExposeSecret(buffer).empty());
  EXPECT_EQ(taken.size(), 5u);
  EXPECT_THAT(ExposeSecret(taken), Each(7));
  EXPECT_THAT(ExposeSecret(clone), Each(7));
  EXPECT_THAT(ExposeSecret(SecretBuffer(3)), Each(0));
  EXPECT_EQ(SecretBuffer().size(), 0u);
}

TEST(ConstantTimeEqualTest, ComparesLengthAndContents) {
  EXPECT_TRUE(ConstantTimeEqual({}, {}));
  EXPECT_TRUE(ConstantTimeEqual(Bytes{1, 2}, Bytes{1, 2}));
  EXPECT_FALSE(ConstantTimeEqual(Bytes{1, 2}, Bytes{1, 3}));
  EXPECT_FALSE(ConstantTimeEqual(Bytes{1, 2}, Bytes{1, 2, 0}));
}

}  // namespace
}  // namespace veilsum::crypto
