// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/body_size.h"

#include <gtest/gtest.h>

#include <string>

#include "proto/limits.h"
#include "proto/reason_status.h"
#include "proto/rounds.pb.h"

namespace veilsum::aggregator {
namespace {

v1::ShareKeys FullBody(uint32_t entries) {
  v1::ShareKeys body;
  for (uint32_t i = 0; i < entries; ++i) {
    v1::SealedShares& shares = *body.add_shares();
    shares.set_peer(limits::kMaxClients);
    shares.set_ciphertext(std::string(limits::kSealedSharesBytes, 'c'));
    shares.set_mask_key_share_digest(std::string(limits::kDigestBytes, 'm'));
    shares.set_self_mask_share_digest(std::string(limits::kDigestBytes, 'b'));
  }
  return body;
}

TEST(BodySizeTest, WhatAClientHasToSayFits) {
  for (const uint32_t degree : {1u, 10u, limits::kMaxCompleteClients - 1}) {
    EXPECT_TRUE(CheckBodySize(FullBody(degree + 1).SerializeAsString(), degree).ok()) << degree;
  }
  EXPECT_TRUE(CheckBodySize("", 1).ok());
  EXPECT_TRUE(CheckBodySize("\xff\xff garbage", 1).ok()) << "the protocol refuses it";
}

TEST(BodySizeTest, ManySmallEntriesAreOversized) {
  std::string body;
  for (int i = 0; i < 22; ++i) body += std::string("\x0a\x00", 2);  // An empty entry.
  EXPECT_TRUE(CheckBodySize(body, 10).ok());
  body += std::string("\x0a\x00", 2);
  EXPECT_EQ(ReasonOf(CheckBodySize(body, 10)), v1::REASON_OVERSIZED);
  // Nor fields that nobody knows: those are kept, too.
  std::string unknown;
  for (int i = 0; i < 23; ++i) unknown += std::string("\x38\x01", 2);
  EXPECT_EQ(ReasonOf(CheckBodySize(unknown, 10)), v1::REASON_OVERSIZED);
}

TEST(BodySizeTest, ABodyForManyMoreNeighboursIsOversized) {
  EXPECT_EQ(ReasonOf(CheckBodySize(FullBody(24).SerializeAsString(), 10)), v1::REASON_OVERSIZED);
  EXPECT_EQ(ReasonOf(CheckBodySize(std::string(100'000, 'x'), 10)), v1::REASON_OVERSIZED);
}

}  // namespace
}  // namespace veilsum::aggregator
