// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/primitives/transcript_hash.h"

#include <fstream>
#include <regex>
#include <set>
#include <string>

#include "crypto/primitives/bytes.h"
#include "crypto/primitives/hex_testing.h"
#include "crypto/primitives/labels.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::crypto {
namespace {

TEST(BytesTest, IntegersAreBigEndian) {
  Bytes out;
  AppendU64(out, 0x05060708090a0b0c);
  EXPECT_EQ(Hex(out), "05060708090a0b0c");
}

// FIPS 180-4's examples.
TEST(Sha256Test, HasThePublishedValues) {
  EXPECT_EQ(Hex(Sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Hex(Sha256(AsBytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256Test, PortionsDoNotMatter) {
  Sha256Hasher hasher;
  hasher.Update(AsBytes("a")).Update({}).Update(AsBytes("bc"));
  EXPECT_EQ(hasher.Finish(), Sha256(AsBytes("abc")));
  hasher.Update(AsBytes("d"));
  EXPECT_EQ(hasher.Finish(), Sha256(AsBytes("abcd")));
}

TEST(CanonicalEncodingTest, PutsLengthsFirst) {
  CanonicalEncoding encoding("label");
  encoding.Add(AsBytes("ab")).Add({}).AddU64(258);
  EXPECT_EQ(Hex(encoding.bytes()),
            "00000000000000056c6162656c"
            "00000000000000026162"
            "0000000000000000"
            "00000000000000080000000000000102");
}

TEST(CanonicalEncodingTest, DifferentFieldsNeverCoincide) {
  const std::set<Bytes> encodings = {
      CanonicalEncoding("l").bytes(),
      CanonicalEncoding("l").Add({}).bytes(),
      CanonicalEncoding("l").Add({}).Add({}).bytes(),
      CanonicalEncoding("l").Add(AsBytes("ab")).bytes(),
      CanonicalEncoding("l").Add(AsBytes("a")).Add(AsBytes("b")).bytes(),
      CanonicalEncoding("l").Add(AsBytes("b")).Add(AsBytes("a")).bytes(),
      CanonicalEncoding("la").Add(AsBytes("b")).bytes(),
  };
  EXPECT_EQ(encodings.size(), 7u);
}

TEST(TranscriptHashTest, IsSha256OfTheCanonicalEncoding) {
  const Digest digest = TranscriptHash("label").Add(AsBytes("field")).AddU64(7).Finish();
  EXPECT_EQ(digest, Sha256(CanonicalEncoding("label").Add(AsBytes("field")).AddU64(7).bytes()));
}

TEST(LabelsTest, AreDistinctAndCarryTheVersion) {
  std::ifstream file("crypto/primitives/labels.h");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::regex definition("kLabel\\w+ =\\s*\"([^\"]*)\"");
  std::set<std::string> seen;
  for (std::sregex_iterator it(text.begin(), text.end(), definition), end; it != end; ++it) {
    const std::string label = (*it)[1];
    EXPECT_THAT(label, ::testing::StartsWith("veilsum/1 "));
    EXPECT_TRUE(seen.insert(label).second) << label << " is used twice";
  }
  EXPECT_TRUE(seen.count(std::string(kLabelTranscript))) << "labels.h was not read";
}

}  // namespace
}  // namespace veilsum::crypto
