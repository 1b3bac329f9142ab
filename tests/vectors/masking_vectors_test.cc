// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Holds masks and packing to v1/masking.json, which tests/reference computed independently.

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/types/span.h"
#include "crypto/masking/kernels.h"
#include "crypto/masking/lanes.h"
#include "crypto/masking/mask_stream.h"
#include "crypto/masking/packing.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/secret.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace veilsum::crypto {
namespace {

using Json = nlohmann::json;

class MaskingVectorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ifstream file("tests/vectors/v1/masking.json");
    vectors_ = Json::parse(file);
    ASSERT_EQ(vectors_.at("version"), 1);
  }

  Json vectors_;
};

Bytes FromHex(const std::string& hex) {
  const std::string bytes = absl::HexStringToBytes(hex);
  return Bytes(bytes.begin(), bytes.end());
}

uint64_t FromDecimal(const std::string& text) {
  uint64_t value = 0;
  EXPECT_TRUE(absl::SimpleAtoi(text, &value)) << text;
  return value;
}

LaneWidth WidthOf(int lane_bits) { return LaneWidthFor(static_cast<uint32_t>(lane_bits)); }

template <typename LaneT>
std::vector<LaneT> Elements(const Json& texts) {
  std::vector<LaneT> elements;
  for (const Json& text : texts) {
    elements.push_back(static_cast<LaneT>(FromDecimal(text.get<std::string>())));
  }
  return elements;
}

void CheckMask(const Json& entry) {
  const auto seed = MaskSeed::FromBytes(FromHex(entry.at("seed")));
  ASSERT_TRUE(seed.ok()) << seed.status();
  const uint64_t first = FromDecimal(entry.at("first_element"));
  LaneVector mask(WidthOf(entry.at("lane_bits")), entry.at("values").size());
  mask.Visit([&](auto lanes) {
    using LaneT = typename decltype(lanes)::value_type;
    MaskStream(*seed).AddTo(lanes, first);
    EXPECT_EQ(std::vector<LaneT>(lanes.begin(), lanes.end()), Elements<LaneT>(entry.at("values")))
        << entry;
  });
}

TEST_F(MaskingVectorsTest, MasksWithEveryKernel) {
  const std::string fastest(ActiveKernel().name);
  for (const MaskKernel& kernel : Kernels()) {
    SCOPED_TRACE(std::string(kernel.name));
    ASSERT_TRUE(SelectKernel(kernel.name).ok());
    for (const Json& entry : vectors_.at("masks")) CheckMask(entry);
  }
  ASSERT_TRUE(SelectKernel(fastest).ok());
}

template <typename LaneT>
void CheckPacking(const Json& entry) {
  const uint32_t bits = entry.at("bits");
  const std::vector<LaneT> elements = Elements<LaneT>(entry.at("elements"));
  const Bytes expected = FromHex(entry.at("packed"));
  Bytes packed(PackedSize(elements.size(), bits));
  ASSERT_TRUE(Pack<LaneT>(elements, bits, absl::MakeSpan(packed)).ok()) << entry;
  EXPECT_EQ(packed, expected) << entry;
  std::vector<LaneT> unpacked(elements.size());
  ASSERT_TRUE(Unpack<LaneT>(expected, bits, absl::MakeSpan(unpacked)).ok()) << entry;
  EXPECT_EQ(unpacked, elements) << entry;
}

TEST_F(MaskingVectorsTest, Packing) {
  for (const Json& entry : vectors_.at("packing")) {
    const uint32_t bits = entry.at("bits");
    if (bits <= 16) CheckPacking<uint16_t>(entry);
    if (bits <= 32) CheckPacking<uint32_t>(entry);
    CheckPacking<uint64_t>(entry);
  }
}

TEST_F(MaskingVectorsTest, BadPackingIsRefused) {
  for (const Json& entry : vectors_.at("bad_packing")) {
    const Bytes packed = FromHex(entry.at("packed"));
    std::vector<uint64_t> lanes(entry.at("count").get<size_t>());
    EXPECT_FALSE(Unpack<uint64_t>(packed, entry.at("bits"), absl::MakeSpan(lanes)).ok()) << entry;
    EXPECT_FALSE(UnpackAdd<uint64_t>(packed, entry.at("bits"), absl::MakeSpan(lanes)).ok())
        << entry;
  }
}

}  // namespace
}  // namespace veilsum::crypto
