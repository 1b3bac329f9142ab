// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/primitives/hkdf.h"

#include "absl/types/span.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/hex_testing.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/secret.h"
#include "gtest/gtest.h"

namespace veilsum::crypto {
namespace {

std::string HkdfHex(const char* ikm, const char* salt, const char* info, size_t size) {
  Bytes out(size);
  Hkdf(FromHex(ikm), FromHex(salt), FromHex(info), absl::MakeSpan(out));
  return Hex(out);
}

// RFC 5869, appendix A.1 to A.3.
TEST(HkdfTest, BasicCaseOfTheRfc) {
  EXPECT_EQ(HkdfHex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
                    "f0f1f2f3f4f5f6f7f8f9", 42),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}

TEST(HkdfTest, LongInputsOfTheRfc) {
  EXPECT_EQ(
      HkdfHex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627"
              "28292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
              "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f8081828384858687"
              "88898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
              "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7"
              "d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
              82),
      "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41"
      "c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
}

TEST(HkdfTest, EmptySaltAndInfoOfTheRfc) {
  EXPECT_EQ(HkdfHex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "", 42),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST(DeriveSecretTest, IsHkdfWithTheCanonicalInfo) {
  const Bytes ikm(32, 1);
  const Bytes salt(32, 2);
  const KdfInfo info = KdfInfo(kLabelShareKey).AddU64(3);
  const AeadKey key = DeriveSecret<AeadKey>(ikm, salt, info);
  Bytes expected(32);
  Hkdf(ikm, salt, info.bytes(), absl::MakeSpan(expected));
  EXPECT_EQ(ExposeSecret(key), ByteSpan(expected));
}

TEST(HkdfDeathTest, MoreThanTheRfcAllowsIsAProgrammingError) {
  Bytes out(255 * 32 + 1);
  EXPECT_DEATH(Hkdf({}, {}, {}, absl::MakeSpan(out)), "HKDF failed");
}

}  // namespace
}  // namespace veilsum::crypto
