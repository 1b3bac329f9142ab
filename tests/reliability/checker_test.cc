// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The judge must see every kind of failure that it names.

#include "tests/reliability/checker.h"

#include <string>
#include <utility>
#include <vector>

#include "crypto/masking/lanes.h"
#include "crypto/masking/packing.h"
#include "crypto/primitives/transcript_hash.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::reliability {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int kClients = 4;
constexpr uint64_t kDimension = 6;
constexpr char kSession[] = "0123456789abcdef";

crypto::IdentityPublicKey Identity(int number) {
  return crypto::IdentityKeyPair::Generate([number](absl::Span<uint8_t> out) {
           for (uint8_t& byte : out) byte = static_cast<uint8_t>(number + 1);
         })
      .public_key();
}

// A session of clients 0 to 2 that all is well with; 3 was left out.
class CheckerTest : public testing::Test {
 protected:
  CheckerTest() {
    for (int i = 0; i < kClients; ++i) expected_.clients.push_back(Identity(i));
    expected_.min_survivors = 3;
    v1::Session& session = view().session;
    session.set_session_id(kSession);
    session.set_state(v1::SESSION_STATE_COMPLETED);
    v1::VectorSpec& spec = *session.mutable_header()->mutable_vector();
    spec.set_dimension(kDimension);
    spec.set_clip(1.0f);
    spec.set_quantisation_bits(8);
    spec.set_max_weight(8);
    spec.set_modulus_bits(13);
    for (int i = 0; i < 3; ++i) {
      session.add_included_identities(crypto::ToString(expected_.clients[i].bytes()));
      client(i).weight = i + 1;
      client(i).receipt = client(i).durable_receipt = true;
      client(i).survivors = "\x07";
      client(i).participants = 3;
    }
    session.set_included(3);
    SetSum({255, 2 * 255, 3 * 255, 0, 0, 0, 6});
    client(3).weight = 5;
  }

  OperatorView& view() { return sessions_[kSession]; }
  ClientView& client(int number) { return clients_[kSession][number]; }

  // With its digest, told to everybody.
  void SetSum(const std::vector<uint16_t>& elements) {
    const uint32_t bits = view().session.header().vector().modulus_bits();
    std::string packed(crypto::PackedSize(elements.size(), bits), '\0');
    auto* out = reinterpret_cast<uint8_t*>(packed.data());
    ASSERT_TRUE(
        crypto::Pack(absl::MakeConstSpan(elements), bits, absl::MakeSpan(out, packed.size())).ok());
    v1::SessionResult result;
    result.set_included(3);
    result.set_result_digest(crypto::ToString(crypto::Sha256(crypto::AsBytes(packed))));
    view().session.set_result_digest(result.result_digest());
    view().packed_sum = std::move(packed);
    for (int i = 0; i < 3; ++i) client(i).result = result.SerializeAsString();
  }

  std::vector<std::string> Found() { return Check(clients_, sessions_, expected_); }
  void ExpectFound(const char* what) { EXPECT_THAT(Found(), ElementsAre(HasSubstr(what))); }

  ClientViews clients_;
  OperatorViews sessions_;
  Expectations expected_;
};

TEST_F(CheckerTest, FindsNothingWhereAllIsWell) { EXPECT_THAT(Found(), IsEmpty()); }

TEST_F(CheckerTest, LossesAndDoubleCounts) {
  SetSum({255, 2 * 255, 6 * 255, 0, 0, 0, 9});
  ExpectFound("element 2 of the sum is 1530, not 765");
  SetSum({255, 2 * 255, 0, 0, 0, 0, 3});
  ExpectFound("element 2 of the sum is 0, not 765");
  SetSum({255, 2 * 255, 3 * 255, 5 * 255, 0, 0, 11});
  ExpectFound("element 3 of the sum");
}

TEST_F(CheckerTest, ReceiptThatWasNotKept) {
  client(3).durable_receipt = true;
  ExpectFound("lost the input of client 3");
}

TEST_F(CheckerTest, ReceiptThatPromisedNothing) {
  client(3).receipt = true;
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(CheckerTest, SessionThatIsForgotten) {
  sessions_.clear();
  ExpectFound("does not know it");
  expected_.durable = false;
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(CheckerTest, SessionThatDoesNotEnd) {
  view().session.set_state(v1::SESSION_STATE_UNMASKING);
  ExpectFound("has not ended");
}

TEST_F(CheckerTest, AbortsNeedAReasonAndHaveNoResult) {
  for (int i = 0; i < 3; ++i) client(i).participants.reset();
  view().session.set_state(v1::SESSION_STATE_ABORTED);
  ExpectFound("without a reason");
  view().session.set_abort_reason(v1::REASON_TOO_FEW_CLIENTS);
  EXPECT_THAT(Found(), IsEmpty());
  client(1).participants = 3;
  ExpectFound("a client has its result");
}

TEST_F(CheckerTest, TwoSurvivorSets) {
  client(1).survivors = "\x0f";
  ExpectFound("different survivors");
}

TEST_F(CheckerTest, TwoResults) {
  client(1).participants = 4;
  ExpectFound("client 1 has a result of 4 inputs");
  client(1).participants = 3;
  v1::SessionResult other;
  other.set_included(3);
  client(2).result = other.SerializeAsString();
  ExpectFound("client 2 was told another result");
}

TEST_F(CheckerTest, BytesThatDoNotFitTheDigest) {
  view().packed_sum[0] ^= 1;
  ExpectFound("not the one that its digest names");
}

TEST_F(CheckerTest, InputsOfNobody) {
  client(2).weight.reset();
  EXPECT_THAT(Found(), testing::Contains(HasSubstr("counts client 2, which gave no input")));
  view().session.add_included_identities(std::string(32, 'x'));
  EXPECT_THAT(Found(), testing::Contains(HasSubstr("stranger")));
}

TEST_F(CheckerTest, FewerThanTheTaskAllows) {
  expected_.min_survivors = 4;
  ExpectFound("only 3 inputs");
}

TEST(HistoryTest, WhatIsToldAgainMustBeTheSame) {
  History history;
  v1::SurvivorSet survivors;
  survivors.set_survivors("\x07");
  history.Survivors(kSession, 1, survivors);
  history.Survivors(kSession, 1, survivors);
  EXPECT_THAT(history.violations(), IsEmpty());
  survivors.set_survivors("\x0f");
  history.Survivors(kSession, 1, survivors);
  EXPECT_THAT(history.violations(), ElementsAre(HasSubstr("the survivors")));
}

TEST(HistoryTest, BothSharesOfOnePeer) {
  History history;
  v1::Unmasking message;
  message.add_shares()->set_owner(4);
  message.mutable_shares(0)->set_self_mask_share("b");
  history.Opened(kSession, 1, message);
  history.Opened(kSession, 2, message);
  message.mutable_shares(0)->set_mask_key_share("m");
  history.Opened("another session!", 1, message);
  EXPECT_THAT(history.violations(), IsEmpty());
  history.Opened(kSession, 1, message);
  EXPECT_THAT(history.violations(), ElementsAre(HasSubstr("both shares of position 4")));
}

}  // namespace
}  // namespace veilsum::reliability
