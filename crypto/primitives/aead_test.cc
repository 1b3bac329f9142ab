// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/primitives/aead.h"

#include "absl/status/status.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/hex_testing.h"
#include "crypto/primitives/secret.h"
#include "gtest/gtest.h"

namespace veilsum::crypto {
namespace {

AeadKey KeyOf(uint8_t byte) { return *AeadKey::FromBytes(Bytes(32, byte)); }

// Test cases 13 and 14 of the GCM specification (McGrew and Viega), which have a zero nonce.
TEST(AeadTest, SealsAsTheSpecificationDoes) {
  EXPECT_EQ(Hex(*AeadSeal(KeyOf(0), {}, {})), "530f8afbc74536b9a963b4f1c4cb738b");
  EXPECT_EQ(Hex(*AeadSeal(KeyOf(0), Bytes(16, 0), {})),
            "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
}

TEST(AeadTest, OpensWhatItSealed) {
  for (size_t size : {0u, 1u, 80u, 1000u}) {
    const Bytes plaintext(size, 0x5a);
    const auto ciphertext = AeadSeal(KeyOf(1), plaintext, AsBytes("context"));
    ASSERT_TRUE(ciphertext.ok());
    EXPECT_EQ(ciphertext->size(), size + kAeadTagSize);
    const auto opened = AeadOpen(KeyOf(1), *ciphertext, AsBytes("context"));
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(ExposeSecret(*opened), ByteSpan(plaintext));
  }
}

TEST(AeadTest, RefusesAnotherKeyAndOtherAssociatedData) {
  const Bytes ciphertext = *AeadSeal(KeyOf(1), AsBytes("share"), AsBytes("context"));
  EXPECT_EQ(AeadOpen(KeyOf(2), ciphertext, AsBytes("context")).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(AeadOpen(KeyOf(1), ciphertext, AsBytes("contexT")).ok());
  EXPECT_FALSE(AeadOpen(KeyOf(1), ciphertext, {}).ok());
}

TEST(AeadTest, RefusesEveryFlippedBitAndEveryTruncation) {
  const Bytes ciphertext = *AeadSeal(KeyOf(1), AsBytes("share"), {});
  for (size_t i = 0; i < ciphertext.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes altered = ciphertext;
      altered[i] ^= static_cast<uint8_t>(1 << bit);
      EXPECT_FALSE(AeadOpen(KeyOf(1), altered, {}).ok());
    }
    EXPECT_FALSE(AeadOpen(KeyOf(1), ByteSpan(ciphertext.data(), i), {}).ok());
  }
  Bytes longer = ciphertext;
  longer.push_back(0);
  EXPECT_FALSE(AeadOpen(KeyOf(1), longer, {}).ok());
}

}  // namespace
}  // namespace veilsum::crypto
