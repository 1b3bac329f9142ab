// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/secrets/memory_scan.h"

#include <array>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "crypto/masking/mask_stream.h"
#include "crypto/primitives/aead.h"
#include "crypto/primitives/hkdf.h"
#include "crypto/primitives/identity.h"
#include "crypto/primitives/key_agreement.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/random.h"
#include "crypto/primitives/secret.h"
#include "crypto/sharing/shamir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::secrets {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

void FillWith(uint8_t number, absl::Span<uint8_t> out) {
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint8_t>(number * 37 + i * i + i);
}

template <class S>
S Make(uint8_t number) {
  return S::Generate([&](absl::Span<uint8_t> out) { FillWith(number, out); });
}

std::vector<Pattern> PatternsOfNumbers(uint8_t first, uint8_t last) {
  return PatternsOf([=](const Report& report) {
    for (uint8_t number = first; number <= last; ++number) {
      std::array<uint8_t, 32> bytes;
      FillWith(number, absl::MakeSpan(bytes));
      report(std::string(1, static_cast<char>('0' + number)), bytes);
    }
  });
}

// Without these, finding nothing would say nothing.
TEST(MemoryScanTest, FindsWhatIsAllocatedAndWhatWasGivenBack) {
  const std::vector<Pattern> patterns = PatternsOfNumbers(1, 3);
  EXPECT_THAT(FoundInMemory(patterns), IsEmpty());
  auto kept = std::make_unique<std::array<uint8_t, 32>>();
  FillWith(1, absl::MakeSpan(*kept));
  EXPECT_THAT(FoundInMemory(patterns), ElementsAre("1"));
  {
    std::string careless(40, ' ');
    FillWith(2, absl::Span<uint8_t>(reinterpret_cast<uint8_t*>(careless.data()), 32));
  }
  EXPECT_THAT(FoundInMemory(patterns), ElementsAre("1", "2"));
}

class SecretTypesTest : public testing::Test {
 protected:
  // At once, before other things take the memory that was given back.
  void ExpectNothingLeft() { EXPECT_THAT(FoundInMemory(patterns_), IsEmpty()); }
  const std::vector<Pattern> patterns_ = PatternsOfNumbers(4, 9);
};

TEST_F(SecretTypesTest, FixedSize) {
  {
    const auto kept = std::make_unique<crypto::SelfMaskSeed>(Make<crypto::SelfMaskSeed>(4));
    const auto copy = std::make_unique<crypto::SelfMaskSeed>(kept->Clone());
    EXPECT_THAT(FoundInMemory(patterns_), ElementsAre("4"));
  }
  ExpectNothingLeft();
}

TEST_F(SecretTypesTest, InAGrowingVector) {
  {
    std::vector<crypto::SelfMaskSeed> growing;
    for (int i = 0; i < 20; ++i) growing.push_back(Make<crypto::SelfMaskSeed>(5));
    growing.erase(growing.begin());
  }
  ExpectNothingLeft();
}

TEST_F(SecretTypesTest, OfAnySize) {
  {
    crypto::SecretBuffer buffer =
        crypto::SecretBuffer::CopyOf(ExposeSecret(Make<crypto::SelfMaskSeed>(6)));
    buffer = buffer.Clone();
    crypto::SecretBuffer other;
    other = std::move(buffer);
  }
  ExpectNothingLeft();
}

TEST_F(SecretTypesTest, PolynomialsAndShares) {
  std::vector<uint32_t> xs(10);
  std::iota(xs.begin(), xs.end(), 1);
  crypto::DeterministicRandom random(ExposeSecret(Make<crypto::RandomSeed>(7)),
                                     crypto::kLabelPolynomials);
  auto shares = crypto::Split(ExposeSecret(Make<crypto::SelfMaskSeed>(8)), 6, xs, random).value();
  ExpectNothingLeft();
  shares.erase(shares.begin() + 6, shares.end());
  xs.resize(6);
  const auto coefficients = crypto::LagrangeCoefficients::ForIndices(xs).value();
  {
    auto secret = std::make_unique<crypto::SelfMaskSeed>(
        crypto::Reconstruct<crypto::SelfMaskSeed>(coefficients, shares).value());
    EXPECT_THAT(FoundInMemory(patterns_), ElementsAre("8"));
  }
  ExpectNothingLeft();
}

TEST_F(SecretTypesTest, KeysInUse) {
  const auto sealed = AeadSeal(Make<crypto::AeadKey>(9),
                               ExposeSecret(Make<crypto::SelfMaskSeed>(8)), crypto::ByteSpan())
                          .value();
  ExpectNothingLeft();
  EXPECT_TRUE(AeadOpen(Make<crypto::AeadKey>(9), sealed, crypto::ByteSpan()).ok());
  ExpectNothingLeft();
  {
    const crypto::MaskStream stream(Make<crypto::MaskSeed>(9));
    std::vector<uint32_t> lanes(100);
    stream.AddTo(absl::MakeSpan(lanes), 0);
  }
  ExpectNothingLeft();
  {
    const auto identity = std::make_unique<crypto::IdentityKeyPair>(
        crypto::IdentityKeyPair::FromSeed(Make<crypto::IdentityPrivateKey>(9)));
    (void)Sign(*identity, crypto::kLabelMessageSignature, crypto::Digest{});
    const auto pair = crypto::DeriveMaskKeyPair(Make<crypto::MaskPrivateSeed>(9));
    (void)crypto::AgreeMask(pair.private_key, pair.public_key);
  }
  ExpectNothingLeft();
}

}  // namespace
}  // namespace veilsum::secrets
