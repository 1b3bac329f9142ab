// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "proto/validate.h"

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/limits.h"

namespace veilsum::v1 {
namespace {

using ::testing::HasSubstr;

// A message that is valid but for one change, and the start of what is said about it (empty: still
// valid).
template <class Message>
struct Case {
  std::string expected;
  std::function<void(Message&)> change;
};

template <class Message, class Validate>
void RunCases(const Message& good, Validate validate, const std::vector<Case<Message>>& cases) {
  EXPECT_EQ(validate(good), absl::OkStatus());
  for (const Case<Message>& item : cases) {
    Message message = good;
    item.change(message);
    const absl::Status status = validate(message);
    if (item.expected.empty()) {
      EXPECT_EQ(status, absl::OkStatus());
      continue;
    }
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << item.expected;
    EXPECT_THAT(std::string(status.message()), HasSubstr(item.expected));
  }
}

std::string Bytes(size_t size) { return std::string(size, 'x'); }

VectorSpec GoodVector() {
  VectorSpec spec;
  spec.set_dimension(30);
  spec.set_clip(1.5f);
  spec.set_quantisation_bits(16);
  spec.set_max_weight(1000);
  spec.set_modulus_bits(30);  // 10 · 1000 · (2^16 − 1) < 2^30
  return spec;
}

SessionHeader GoodHeader() {
  SessionHeader header;
  header.set_protocol_version(limits::kProtocolVersion);
  header.set_session_id(Bytes(16));
  header.set_task_id("breast-cancer_2");
  *header.mutable_vector() = GoodVector();
  header.set_tier(TIER_SEMI_HONEST);
  header.set_graph(GRAPH_RULE_COMPLETE);
  header.set_corruption_rate(0.1);
  header.set_min_survivors(2);
  header.set_max_clients(10);
  header.mutable_deadlines()->set_advertise_keys_ms(1);
  header.mutable_deadlines()->set_share_keys_ms(1000);
  header.mutable_deadlines()->set_masked_input_ms(1000);
  header.mutable_deadlines()->set_unmasking_ms(limits::kMaxDeadlineMs);
  header.set_audience(AUDIENCE_BOTH);
  return header;
}

void MakeMalicious(SessionHeader& header) {
  header.set_tier(TIER_MALICIOUS);
  header.set_min_survivors(3);
  header.mutable_deadlines()->set_consistency_check_ms(1000);
}

TEST(ValidateTest, Header) {
  using H = SessionHeader;
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  RunCases<H>(
      GoodHeader(), ValidateHeader,
      {{"", [](H& h) { h.set_model_hash(Bytes(32)); }},
       {"", [](H& h) { h.set_dropout_rate(0.999); }},
       {"header.protocol_version: must be 1, is 2", [](H& h) { h.set_protocol_version(2); }},
       {"header.session_id: must be 16 bytes, is 15", [](H& h) { h.set_session_id(Bytes(15)); }},
       {"header.task_id: ", [](H& h) { h.set_task_id(""); }},
       {"header.task_id: ", [](H& h) { h.set_task_id("Upper"); }},
       {"header.task_id: ", [](H& h) { h.set_task_id("-x"); }},
       {"header.task_id: ", [](H& h) { h.set_task_id(Bytes(65)); }},
       {"header.tier: ", [](H& h) { h.set_tier(TIER_UNSPECIFIED); }},
       {"header.tier: ", [](H& h) { h.set_tier(static_cast<Tier>(77)); }},
       {"header.graph: ", [](H& h) { h.clear_graph(); }},
       {"header.corruption_rate: must be at least 0 and less than 1, is nan",
        [](H& h) { h.set_corruption_rate(kNan); }},
       {"header.corruption_rate: ", [](H& h) { h.set_corruption_rate(-0.1); }},
       {"header.dropout_rate: ", [](H& h) { h.set_dropout_rate(1.0); }},
       {"header.min_survivors: must be from 2 to 10, is 1", [](H& h) { h.set_min_survivors(1); }},
       {"header.min_survivors: ", [](H& h) { h.set_min_survivors(11); }},
       {"header.max_clients: ", [](H& h) { h.set_max_clients(limits::kMaxClients + 1); }},
       {"header.max_clients: must be at most 1000 on the complete graph",
        [](H& h) { h.set_max_clients(limits::kMaxCompleteClients + 1); }},
       {"header.audience: ", [](H& h) { h.clear_audience(); }},
       {"header.vector.clip: must be finite and greater than 0, is nan",
        [](H& h) { h.mutable_vector()->set_clip(std::numeric_limits<float>::quiet_NaN()); }},
       {"header.deadlines.share_keys_ms: ",
        [](H& h) { h.mutable_deadlines()->clear_share_keys_ms(); }},
       {"header.deadlines.unmasking_ms: ",
        [](H& h) { h.mutable_deadlines()->set_unmasking_ms(limits::kMaxDeadlineMs + 1); }},
       {"header.deadlines.consistency_check_ms: ",
        [](H& h) { MakeMalicious(h), h.mutable_deadlines()->clear_consistency_check_ms(); }},
       {"", [](H& h) { MakeMalicious(h); }},
       {"header.graph: must be GRAPH_RULE_COMPLETE in the malicious tier",
        [](H& h) { MakeMalicious(h), h.set_graph(GRAPH_RULE_HARARY); }},
       {"header.corruption_rate: must be greater than 0 in the malicious tier",
        [](H& h) { MakeMalicious(h), h.set_corruption_rate(0); }},
       {"header.min_survivors: must be at least 3 in the malicious tier, is 2",
        [](H& h) { MakeMalicious(h), h.set_min_survivors(2); }},
       {"header.min_survivors: must be at least 5 in the malicious tier, is 4",
        [](H& h) { MakeMalicious(h), h.set_min_survivors(4), h.set_corruption_rate(0.3); }},
       {"header.model_hash: must be 32 bytes or absent, is 5",
        [](H& h) { h.set_model_hash("short"); }}});
}

TEST(ValidateTest, VectorSpec) {
  using V = VectorSpec;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  RunCases<V>(GoodVector(), [](const V& spec) { return ValidateVectorSpec(spec, 10); },
              {{"", [](V& v) { v.set_norm_clip(2.5f); }},
               {"vector.dimension: ", [](V& v) { v.set_dimension(0); }},
               {"vector.dimension: ", [](V& v) { v.set_dimension(limits::kMaxDimension + 1); }},
               {"vector.clip: ", [](V& v) { v.set_clip(0); }},
               {"vector.clip: must be finite and greater than 0, is inf",
                [](V& v) { v.set_clip(kInfinity); }},
               {"vector.norm_clip: ", [](V& v) { v.set_norm_clip(-1); }},
               {"vector.quantisation_bits: ", [](V& v) { v.set_quantisation_bits(0); }},
               {"vector.quantisation_bits: ", [](V& v) { v.set_quantisation_bits(25); }},
               {"vector.modulus_bits: ",
                [](V& v) { v.set_max_weight(limits::kMaxWeight), v.set_quantisation_bits(24); }},
               {"vector.max_weight: ", [](V& v) { v.set_max_weight(0); }},
               {"vector.modulus_bits: must be 30 for 10 clients, is 31",
                [](V& v) { v.set_modulus_bits(31); }},
               {"vector.modulus_bits: ", [](V& v) { v.set_modulus_bits(0); }}});
}

Task GoodTask() {
  Task task;
  task.set_task_id("digits");
  *task.mutable_vector() = GoodVector();
  task.mutable_vector()->set_modulus_bits(0);
  task.set_tier(TIER_SEMI_HONEST);
  task.set_graph(GRAPH_RULE_HARARY);
  task.set_min_survivors(3);
  task.set_max_clients(10);
  task.set_audience(AUDIENCE_OPERATOR);
  for (PhasePolicy* policy : {task.mutable_advertise_keys(), task.mutable_share_keys(),
                              task.mutable_masked_input(), task.mutable_unmasking()}) {
    policy->set_least_ms(100);
    policy->set_deadline_ms(100);
    policy->set_target_fraction(1.0);
  }
  return task;
}

TEST(ValidateTest, Task) {
  using T = Task;
  RunCases<T>(
      GoodTask(), ValidateTask,
      {{"", [](T& t) { t.mutable_vector()->set_modulus_bits(30); }},
       {"task.vector.modulus_bits: ", [](T& t) { t.mutable_vector()->set_modulus_bits(29); }},
       {"task.task_id: ", [](T& t) { t.set_task_id("a/b"); }},
       {"task.min_survivors: ", [](T& t) { t.set_min_survivors(0); }},
       {"task.advertise_keys.deadline_ms: ", [](T& t) { t.clear_advertise_keys(); }},
       {"task.share_keys.least_ms: must be from 0 to 100, is 101",
        [](T& t) { t.mutable_share_keys()->set_least_ms(101); }},
       {"task.masked_input.target_fraction: ",
        [](T& t) { t.mutable_masked_input()->set_target_fraction(0); }},
       {"task.unmasking.target_fraction: ",
        [](T& t) { t.mutable_unmasking()->set_target_fraction(1.01); }},
       {"task.consistency_check.deadline_ms: ",
        [](T& t) {
          t.set_tier(TIER_MALICIOUS), t.set_graph(GRAPH_RULE_COMPLETE), t.set_corruption_rate(0.1);
        }},
       {"task.consistency_check.deadline_ms: ",
        [](T& t) { t.mutable_consistency_check()->set_least_ms(0); }}});
}

TEST(ValidateTest, ConsistencyCheck) {
  ConsistencyCheck check;
  check.set_survivor_root_signature(Bytes(64));
  RunCases<ConsistencyCheck>(
      check, ValidateConsistencyCheck,
      {{"consistency_check.survivor_root_signature: must be 64 bytes, is 63",
        [](ConsistencyCheck& c) { c.set_survivor_root_signature(Bytes(63)); }}});

  using C = ConsistencySignatures;
  C signatures;
  for (uint32_t position : {0, 2, 3}) {
    auto& signature = *signatures.add_signatures();
    signature.set_position(position);
    signature.set_survivor_root_signature(Bytes(64));
  }
  RunCases<C>(signatures, [](const C& c) { return ValidateConsistencySignatures(c, 4); },
              {{"", [](C& c) { c.clear_signatures(); }},
               {"consistency.signatures[1].position: must be greater than the one before it",
                [](C& c) { c.mutable_signatures(1)->set_position(0); }},
               {"consistency.signatures[2].survivor_root_signature: must be 64 bytes, is 0",
                [](C& c) { c.mutable_signatures(2)->clear_survivor_root_signature(); }},
               {"consistency.signatures: must be from 0 to 4, is 6", [](C& c) {
                  for (int i = 0; i < 3; ++i) *c.add_signatures() = c.signatures(2);
                }}});
}

TEST(ValidateTest, HelloAndWithdraw) {
  Hello hello;
  hello.set_protocol_version(limits::kProtocolVersion);
  hello.set_identity(Bytes(32));
  hello.set_task_id("t");
  hello.set_signature(Bytes(64));
  using M = Hello;
  RunCases<M>(hello, ValidateHello,
              {{"", [](M& m) { m.set_session_id(Bytes(16)); }},
               {"hello.session_id: ", [](M& m) { m.set_session_id(Bytes(17)); }},
               {"hello.identity: ", [](M& m) { m.clear_identity(); }},
               {"hello.task_id: ", [](M& m) { m.clear_task_id(); }},
               {"hello.last_outcome: ", [](M& m) { m.set_last_outcome(static_cast<Outcome>(99)); }},
               {"hello.signature: ", [](M& m) { m.set_signature(Bytes(63)); }},
               {"hello.protocol_version: ", [](M& m) { m.clear_protocol_version(); }}});
  RunCases<Withdraw>({}, ValidateWithdraw,
                     {{"", [](Withdraw& w) { w.set_detail(Bytes(limits::kMaxDetailBytes)); }},
                      {"withdraw.detail: must be at most",
                       [](Withdraw& w) { w.set_detail(Bytes(limits::kMaxDetailBytes + 1)); }}});
}

AdvertiseKeysEntry GoodEntry() {
  AdvertiseKeysEntry entry;
  entry.set_identity(Bytes(32));
  entry.set_channel_public_key(Bytes(32));
  entry.set_mask_public_key(Bytes(32));
  entry.set_self_mask_commitment(Bytes(32));
  return entry;
}

AdvertiseKeys GoodAdvertisement() {
  AdvertiseKeys message;
  message.set_entry(GoodEntry().SerializeAsString());
  message.set_signature(Bytes(64));
  return message;
}

TEST(ValidateTest, AdvertiseKeys) {
  using E = AdvertiseKeysEntry;
  RunCases<E>(GoodEntry(), ValidateAdvertiseKeysEntry,
              {{"entry.identity: ", [](E& e) { e.set_identity(Bytes(31)); }},
               {"entry.channel_public_key: ", [](E& e) { e.set_channel_public_key(Bytes(33)); }},
               {"entry.mask_public_key: ", [](E& e) { e.clear_mask_public_key(); }},
               {"entry.self_mask_commitment: ", [](E& e) { e.clear_self_mask_commitment(); }}});
  using M = AdvertiseKeys;
  RunCases<M>(GoodAdvertisement(), ValidateAdvertiseKeys,
              {{"advertise_keys.entry: ", [](M& m) { m.mutable_entry()->push_back('x'); }},
               {"advertise_keys.entry: ", [](M& m) { m.clear_entry(); }},
               {"advertise_keys.signature: ", [](M& m) { m.clear_signature(); }}});
}

TEST(ValidateTest, RosterAndNeighbours) {
  Roster roster;
  for (int i = 0; i < 3; ++i) {
    roster.add_seats()->set_identity(Bytes(32));
    roster.mutable_seats(i)->set_entry_hash(Bytes(32));
  }
  using R = Roster;
  RunCases<R>(roster, ValidateRoster,
              {{"roster.seats[2].identity: ", [](R& r) { r.mutable_seats(2)->clear_identity(); }},
               {"roster.seats[0].entry_hash: ",
                [](R& r) { r.mutable_seats(0)->set_entry_hash(Bytes(33)); }},
               {"roster.seats: must be from 0 to 10000, is 10001", [](R& r) {
                  while (r.seats_size() <= static_cast<int>(limits::kMaxClients)) r.add_seats();
                }}});

  NeighbourEntries entries;
  for (uint32_t position : {0, 4, 5}) {
    auto* neighbour = entries.add_neighbours();
    neighbour->set_position(position);
    *neighbour->mutable_advertised() = GoodAdvertisement();
  }
  using N = NeighbourEntries;
  RunCases<N>(entries, ValidateNeighbourEntries,
              {{"neighbours.neighbours[1].position: must be greater than the one before it",
                [](N& n) { n.mutable_neighbours(1)->set_position(0); }},
               {"neighbours.neighbours[2].position: ",
                [](N& n) { n.mutable_neighbours(2)->set_position(limits::kMaxClients); }},
               {"neighbours.neighbours[2].advertise_keys.entry: ",
                [](N& n) { n.mutable_neighbours(2)->clear_advertised(); }}});
}

SealedShares Sealed(uint32_t peer) {
  SealedShares shares;
  shares.set_peer(peer);
  shares.set_ciphertext(Bytes(limits::kSealedSharesBytes));
  shares.set_mask_key_share_digest(Bytes(32));
  shares.set_self_mask_share_digest(Bytes(32));
  return shares;
}

TEST(ValidateTest, ShareKeys) {
  ShareKeys body;
  *body.add_shares() = Sealed(0);
  SealedShares* own = body.add_shares();
  own->set_peer(1);
  own->set_self_mask_share_digest(Bytes(32));
  *body.add_shares() = Sealed(2);
  using S = ShareKeys;
  RunCases<S>(body, ValidateShareKeys,
              {{"", [](S& s) { s.clear_shares(); }},
               {"share_keys.shares[2].peer: must be greater",
                [](S& s) { s.mutable_shares(2)->set_peer(1); }},
               {"share_keys.shares[2].ciphertext: must be there but for",
                [](S& s) { *s.mutable_shares(2) = s.shares(1), s.mutable_shares(2)->set_peer(2); }},
               {"share_keys.shares[0].ciphertext: must be 96 bytes, is 95",
                [](S& s) { s.mutable_shares(0)->set_ciphertext(Bytes(95)); }},
               {"share_keys.shares[1].mask_key_share_digest: must be absent",
                [](S& s) { s.mutable_shares(1)->set_mask_key_share_digest(Bytes(32)); }},
               {"share_keys.shares[1].self_mask_share_digest: ",
                [](S& s) { s.mutable_shares(1)->clear_self_mask_share_digest(); }},
               {"share_keys.shares[2].mask_key_share_digest: ",
                [](S& s) { s.mutable_shares(2)->clear_mask_key_share_digest(); }}});

  SignedMessage message;
  message.set_signature(Bytes(64));
  using M = SignedMessage;
  RunCases<M>(message, ValidateSignedMessage,
              {{"message.signature: ", [](M& m) { m.clear_signature(); }},
               {"message.body: ", [](M& m) { m.set_body(Bytes(limits::kMaxMessageBytes + 1)); }}});
}

TEST(ValidateTest, DeliveredSharesAndSurvivors) {
  DeliveredShares delivered;
  delivered.set_sharers(std::string("\xff\x03", 2));
  *delivered.add_shares() = Sealed(3);
  *delivered.add_shares() = Sealed(9);
  using D = DeliveredShares;
  RunCases<D>(
      delivered, [](const D& d) { return ValidateDeliveredShares(d, 10); },
      {{"shares.sharers: must be 2 bytes, is 3", [](D& d) { d.set_sharers(Bytes(3)); }},
       {"shares.sharers: has bits set", [](D& d) { d.set_sharers(std::string("\xff\x07", 2)); }},
       {"shares.shares[1].peer: ", [](D& d) { d.mutable_shares(1)->set_peer(2); }},
       {"shares.shares[1].ciphertext: ", [](D& d) { d.mutable_shares(1)->clear_ciphertext(); }}});

  SurvivorSet survivors;
  survivors.set_survivors(std::string("\x01\x00", 2));
  using S = SurvivorSet;
  RunCases<S>(survivors, [](const S& s) { return ValidateSurvivorSet(s, 9); },
              {{"", [](S& s) { s.set_survivors(std::string("\xff\x01", 2)); }},
               {"survivors.survivors: has bits set",
                [](S& s) { s.set_survivors(std::string("\x00\x02", 2)); }},
               {"survivors.survivors: must be 2 bytes", [](S& s) { s.clear_survivors(); }}});
}

TEST(ValidateTest, Unmasking) {
  Unmasking body;
  RevealedShare* share = body.add_shares();
  share->set_owner(1);
  share->set_self_mask_share(Bytes(40));
  share = body.add_shares();
  share->set_owner(2);
  share->set_mask_key_share(Bytes(40));
  using U = Unmasking;
  RunCases<U>(body, ValidateUnmasking,
              {{"unmasking.shares[1].owner: must be greater",
                [](U& u) { u.mutable_shares(1)->set_owner(1); }},
               {"unmasking.shares[0].self_mask_share: must be 40 bytes, is 39",
                [](U& u) { u.mutable_shares(0)->set_self_mask_share(Bytes(39)); }},
               {"unmasking.shares[1].mask_key_share: ",
                [](U& u) { u.mutable_shares(1)->set_mask_key_share(""); }},
               {"unmasking.shares[1].share: must be there",
                [](U& u) { u.mutable_shares(1)->clear_share(); }}});
}

TEST(ValidateTest, UploadDownloadAndResult) {
  UploadOpen open;
  open.set_session_id(Bytes(16));
  open.set_identity(Bytes(32));
  open.set_signature(Bytes(64));
  using O = UploadOpen;
  RunCases<O>(open, ValidateUploadOpen,
              {{"open.session_id: ", [](O& o) { o.clear_session_id(); }},
               {"open.identity: ", [](O& o) { o.set_identity(Bytes(33)); }},
               {"open.signature: ", [](O& o) { o.set_signature(Bytes(1)); }}});

  UploadClose close;
  close.set_digest(Bytes(32));
  close.set_signature(Bytes(64));
  using C = UploadClose;
  RunCases<C>(close, ValidateUploadClose,
              {{"close.digest: ", [](C& c) { c.clear_digest(); }},
               {"close.signature: ", [](C& c) { c.clear_signature(); }}});

  DownloadResultRequest request;
  request.set_session_id(Bytes(16));
  request.set_identity(Bytes(32));
  request.set_signature(Bytes(64));
  using R = DownloadResultRequest;
  RunCases<R>(request, ValidateDownloadResultRequest,
              {{"request.session_id: ", [](R& r) { r.clear_session_id(); }},
               {"request.identity: ", [](R& r) { r.clear_identity(); }},
               {"request.signature: ", [](R& r) { r.clear_signature(); }}});

  SessionResult result;
  result.set_included(2);
  result.set_survivor_root(Bytes(32));
  result.set_result_digest(Bytes(32));
  using S = SessionResult;
  RunCases<S>(result, ValidateSessionResult,
              {{"result.included: ", [](S& s) { s.set_included(1); }},
               {"result.survivor_root: ", [](S& s) { s.clear_survivor_root(); }},
               {"result.result_digest: ", [](S& s) { s.set_result_digest("short"); }}});
  result.clear_result_digest();
  EXPECT_TRUE(ValidateSessionResult(result).ok());
}

}  // namespace
}  // namespace veilsum::v1
