// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/vectors/transcript_recording.h"

#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client_sdk/encoding/decoder.h"
#include "crypto/masking/mask_stream.h"
#include "crypto/primitives/key_agreement.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/transcript/bitmap.h"
#include "crypto/transcript/key_schedule.h"
#include "crypto/transcript/transcript.h"
#include "proto/limits.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::vectors {
namespace {

constexpr uint32_t kClients = 4;
constexpr uint32_t kDropout = 2;
constexpr uint32_t kDimension = 6;
constexpr size_t kFirstLanes = kDimension + 1;

v1::SessionHeader Header() {
  v1::SessionHeader header;
  header.set_protocol_version(limits::kProtocolVersion);
  header.set_session_id("transcript-00001");
  header.set_task_id("golden");
  v1::VectorSpec& vector = *header.mutable_vector();
  vector.set_dimension(kDimension);
  vector.set_clip(2);
  vector.set_quantisation_bits(12);
  vector.set_max_weight(100);
  vector.set_modulus_bits(ModulusBits(kClients, 100, 12).value());
  header.set_tier(v1::TIER_SEMI_HONEST);
  header.set_graph(v1::GRAPH_RULE_COMPLETE);
  header.set_corruption_rate(0.25);
  header.set_dropout_rate(0.25);
  header.set_min_survivors(3);
  header.set_max_clients(kClients);
  v1::PhaseDeadlines& deadlines = *header.mutable_deadlines();
  deadlines.set_advertise_keys_ms(60'000);
  deadlines.set_share_keys_ms(60'000);
  deadlines.set_masked_input_ms(600'000);
  deadlines.set_unmasking_ms(60'000);
  header.set_audience(v1::AUDIENCE_BOTH);
  return header;
}

std::string Repeated(char byte) { return std::string(32, byte); }

crypto::IdentityKeyPair IdentityOf(const std::string& seed) {
  return crypto::IdentityKeyPair::FromSeed(
      crypto::IdentityPrivateKey::FromBytes(crypto::AsBytes(seed)).value());
}

Json Cast() {
  std::vector<std::string> seeds;
  for (uint32_t i = 0; i < kClients; ++i) seeds.push_back(Repeated(static_cast<char>(0x10 + i)));
  std::sort(seeds.begin(), seeds.end(), [](const std::string& a, const std::string& b) {
    return IdentityOf(a).public_key() < IdentityOf(b).public_key();
  });
  Json clients = Json::array();
  for (uint32_t i = 0; i < kClients; ++i) {
    std::vector<float> update;
    for (uint32_t element = 0; element < kDimension; ++element) {
      // Exact in binary; the last one is beyond the clip.
      update.push_back(element + 1 == kDimension ? 2.5f
                                                 : -1.75f + 0.375f * static_cast<float>(i) +
                                                       0.5f * static_cast<float>(element));
    }
    clients.push_back({{"identity_seed", ToHex(seeds[i])},
                       {"identity", IdentityOf(seeds[i]).public_key().ToHex()},
                       {"session_secret", ToHex(Repeated(static_cast<char>(0x50 + i)))},
                       {"update", update},
                       {"weight", 1 + 11 * i}});
  }
  return {{"header", ToHex(Header().SerializeAsString())}, {"clients", clients}};
}

// ---- The steps ----

// What one party emitted, as steps of the others.
void Follow(const std::string& party, const Json& emitted, std::deque<Json>& queue) {
  for (const Json& one : emitted) {
    const std::string kind = one.at("kind");
    if (kind == "message" && one.at("to") == "aggregator") {
      queue.push_back({{"party", "aggregator"},
                       {"event", "message"},
                       {"client", party.back() - '0'},
                       {"bytes", one.at("bytes")}});
    } else if (kind == "message") {
      queue.push_back({{"party", one.at("to")}, {"event", "message"}, {"bytes", one.at("bytes")}});
    } else if (kind == "upload" && party.back() - '0' != static_cast<int>(kDropout)) {
      queue.push_back({{"party", "aggregator"},
                       {"event", "upload"},
                       {"client", party.back() - '0'},
                       {"open", one.at("open")},
                       {"bytes", one.at("bytes")},
                       {"close", one.at("close")}});
    } else if (kind == "download") {
      queue.push_back({{"party", party}, {"event", "result"}});
    }
  }
}

Json RecordSteps(Parties& parties) {
  std::deque<Json> queue;
  const Json offers = parties.Start();
  Follow("aggregator", offers, queue);
  Json steps = Json::array();
  bool deadline_passed = false;
  while (!queue.empty() || !deadline_passed) {
    if (queue.empty()) {  // Client 2 is silent.
      queue.push_back({{"party", "aggregator"}, {"event", "deadline"}});
      deadline_passed = true;
    }
    Json step = std::move(queue.front());
    queue.pop_front();
    if (step.at("event") == "result") step["bytes"] = ToHex(parties.packed_sum());
    const Json emitted = parties.Deliver(step);
    Follow(step.at("party"), emitted, queue);
    step["emits"] = emitted;
    steps.push_back(std::move(step));
  }
  return steps;
}

// ---- The values on the way ----

template <class S>
std::string HexOf(const S& secret) {
  return ToHex(crypto::ToString(ExposeSecret(secret)));
}
std::string HexOfBytes(crypto::ByteSpan bytes) { return ToHex(crypto::ToString(bytes)); }

Json FirstLanes(const crypto::MaskSeed& seed, uint32_t modulus_bits) {
  crypto::LaneVector lanes = crypto::LaneVector::ForModulus(modulus_bits, kFirstLanes);
  lanes.Visit([&](auto span) { crypto::MaskStream(seed).AddTo(span, 0); });
  return lanes.Visit(
      [](auto span) { return Json(std::vector<uint64_t>(span.begin(), span.end())); });
}

Json ValuesOf(uint32_t client, const Json& cast, const Parties& parties) {
  const crypto::Digest& t1 = *parties.transcript();
  const uint32_t modulus_bits = Header().vector().modulus_bits();
  const std::string header_bytes = FromHex(cast.at("header"));
  const crypto::Digest header_hash = crypto::HeaderHash(crypto::AsBytes(header_bytes));
  const auto mask_keys_of = [&](uint32_t who) {
    const std::string bytes = FromHex(cast.at("clients")[who].at("session_secret"));
    const auto secret = crypto::SessionSecret::FromBytes(crypto::AsBytes(bytes)).value();
    return crypto::DeriveMaskKeyPair(crypto::DeriveMaskPrivateSeed(secret, header_hash));
  };
  const std::string secret_bytes = FromHex(cast.at("clients")[client].at("session_secret"));
  const auto secret = crypto::SessionSecret::FromBytes(crypto::AsBytes(secret_bytes)).value();
  const crypto::SelfMaskSeed b = crypto::DeriveSelfMaskSeed(secret, header_hash);
  const crypto::Party self{client, parties.identity(client).public_key()};
  const crypto::MaskSeed self_seed = crypto::DeriveSelfMaskStreamSeed(b, t1, self);

  Json pairwise = Json::array();
  for (uint32_t peer = 0; peer < kClients; ++peer) {
    if (peer == client) continue;
    const auto agreed = crypto::AgreeMask(mask_keys_of(client), mask_keys_of(peer).public_key);
    const crypto::MaskSeed seed = crypto::DerivePairwiseSeed(
        agreed.value(), t1, self, {peer, parties.identity(peer).public_key()});
    pairwise.push_back({{"peer", peer},
                        {"sign", crypto::AddsPairwiseMask(client, peer) ? 1 : -1},
                        {"seed", HexOf(seed)},
                        {"first_lanes", FirstLanes(seed, modulus_bits)}});
  }
  return {
      {"m", HexOf(crypto::DeriveMaskPrivateSeed(secret, header_hash))},
      {"b", HexOf(b)},
      {"channel_private_key", HexOf(crypto::DeriveChannelKeyPair(secret, header_hash).private_key)},
      {"mask_private_key", HexOf(mask_keys_of(client).private_key)},
      {"rounding_seed", HexOf(crypto::DeriveRoundingSeed(secret, t1))},
      {"quantised", parties.quantised(client).Visit([](auto lanes) {
         return Json(std::vector<uint64_t>(lanes.begin(), lanes.end()));
       })},
      {"self_mask_seed", HexOf(self_seed)},
      {"self_mask_first_lanes", FirstLanes(self_seed, modulus_bits)},
      {"pairwise_masks", pairwise}};
}

Json ResultOf(const Parties& parties) {
  const std::string survivors = crypto::EncodeBitmap({true, true, /*kDropout*/ false, true});
  const auto decoded =
      client::DecodeSum(parties.packed_sum(), Header().vector(), kClients - 1).value();
  const auto sum = client::UnpackSum(parties.packed_sum(), Header().vector()).value();
  return {{"survivors", ToHex(survivors)},
          {"survivor_root",
           HexOfBytes(crypto::SurvivorRoot(*parties.transcript(), crypto::AsBytes(survivors)))},
          {"packed_sum", ToHex(parties.packed_sum())},
          {"result_digest", HexOfBytes(crypto::Sha256(crypto::AsBytes(parties.packed_sum())))},
          {"sum", sum.Visit([](auto lanes) {
             return Json(std::vector<uint64_t>(lanes.begin(), lanes.end()));
           })},
          {"weight_sum", decoded.weight_sum},
          {"mean", decoded.mean}};
}

}  // namespace

Json RecordTranscript() {
  const Json cast = Cast();
  Parties parties(cast);
  Json transcript = {
      {"version", 1},
      {"about",
       "One session: n = 4, complete graph, client 2 drops out in MaskedInputCollection. Messages "
       "are serialised protobufs of package veilsum.v1, in hexadecimal. Written by "
       "//tests/vectors:generate_transcript."},
      {"cast", cast}};
  transcript["steps"] = RecordSteps(parties);
  transcript["header_hash"] =
      HexOfBytes(crypto::HeaderHash(crypto::AsBytes(FromHex(cast.at("header")))));
  transcript["t1"] = HexOfBytes(*parties.transcript());
  transcript["degree"] = parties.shape().degree;
  transcript["threshold"] = parties.shape().threshold;
  Json values = Json::array();
  for (uint32_t client = 0; client < kClients; ++client) {
    values.push_back(ValuesOf(client, cast, parties));
  }
  transcript["clients"] = std::move(values);
  transcript["result"] = ResultOf(parties);
  return transcript;
}

}  // namespace veilsum::vectors
