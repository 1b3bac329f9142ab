// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/cast.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "crypto/primitives/random.h"
#include "crypto/primitives/transcript_hash.h"
#include "proto/limits.h"
#include "proto/vector_arithmetic.h"
#include "tests/simulation/random.h"

namespace veilsum::simulation {
namespace {

constexpr uint32_t kBits = 4;
constexpr uint64_t kRosterVersion = 1;

auto FillWith(std::string label) {
  return [label = std::move(label)](absl::Span<uint8_t> out) {
    crypto::DeterministicRandom(crypto::AsBytes("simulation"), label).Fill(out);
  };
}

struct Cast {
  Cast() {
    client::IdentityRoster roster;
    roster.version = kRosterVersion;
    for (uint32_t client = 0; client < kMostClients; ++client) {
      identities.push_back(
          crypto::IdentityKeyPair::Generate(FillWith(absl::StrCat("identity ", client))));
      clients.emplace(identities.back().public_key(), client);
      roster.identities.insert(identities.back().public_key());
    }
    root = std::make_shared<const client::IdentityRoot>(std::move(roster));
  }

  std::vector<crypto::IdentityKeyPair> identities;
  absl::flat_hash_map<crypto::IdentityPublicKey, uint32_t> clients;
  std::shared_ptr<const client::IdentityRoot> root;
};

const Cast& TheCast() {
  static const Cast* const cast = new Cast;
  return *cast;
}

v1::VectorSpec SpecOf(const Plan& plan) {
  v1::VectorSpec spec;
  spec.set_dimension(plan.dimension);
  spec.set_clip(1);
  spec.set_quantisation_bits(kBits);
  spec.set_max_weight(kMostClients);
  spec.set_modulus_bits(ModulusBits(plan.seats, kMostClients, kBits).value());
  return spec;
}

}  // namespace

const crypto::IdentityKeyPair& IdentityOf(uint32_t client) { return TheCast().identities[client]; }

uint32_t ClientOf(const crypto::IdentityPublicKey& identity) {
  const auto found = TheCast().clients.find(identity);
  return found == TheCast().clients.end() ? kMostClients : found->second;
}

crypto::SessionSecret SecretOf(uint32_t client, uint32_t generation) {
  return crypto::SessionSecret::Generate(
      FillWith(absl::StrCat("session secret ", client, " ", generation)));
}

std::optional<crypto::Digest> ModelHashOf(const Plan& plan) {
  if (!plan.malicious) return std::nullopt;
  return crypto::Sha256(crypto::AsBytes("the model"));
}

v1::SessionHeader HeaderOf(const Plan& plan) {
  v1::SessionHeader header;
  header.set_protocol_version(limits::kProtocolVersion);
  header.set_session_id(std::string(limits::kSessionIdBytes, 's'));
  header.set_task_id(kTaskId);
  *header.mutable_vector() = SpecOf(plan);
  header.set_tier(plan.malicious ? v1::TIER_MALICIOUS : v1::TIER_SEMI_HONEST);
  header.set_graph(plan.harary ? v1::GRAPH_RULE_HARARY : v1::GRAPH_RULE_COMPLETE);
  if (plan.malicious) header.set_corruption_rate(0.01);  // One client.
  if (plan.harary) header.set_dropout_rate(0.15);
  header.set_min_survivors(plan.min_survivors);
  header.set_max_clients(plan.seats);
  v1::PhaseDeadlines& deadlines = *header.mutable_deadlines();
  deadlines.set_advertise_keys_ms(kDeadlineMs);
  deadlines.set_share_keys_ms(kDeadlineMs);
  deadlines.set_masked_input_ms(kDeadlineMs);
  if (plan.malicious) {
    deadlines.set_consistency_check_ms(kDeadlineMs);
    header.set_model_hash(crypto::ToString(*ModelHashOf(plan)));
    header.set_roster_version(kRosterVersion);
  }
  deadlines.set_unmasking_ms(kDeadlineMs);
  header.set_audience(plan.for_operator_only ? v1::AUDIENCE_OPERATOR : v1::AUDIENCE_BOTH);
  return header;
}

client::ParticipantOptions OptionsOf(const Plan& plan, uint32_t client, uint32_t generation) {
  client::ParticipantOptions options{&IdentityOf(client), SecretOf(client, generation)};
  options.policy.least_min_survivors = 2;
  if (plan.malicious) {
    options.policy.identity_root = TheCast().root;
  } else {
    options.policy.least_tier = v1::TIER_SEMI_HONEST;
  }
  options.task_id = kTaskId;
  options.model_hash = ModelHashOf(plan);
  return options;
}

crypto::LaneVector InputOf(const v1::VectorSpec& spec, uint32_t clients, uint32_t client) {
  crypto::LaneVector input =
      crypto::LaneVector::ForModulus(spec.modulus_bits(), spec.dimension() + 1);
  Random random(client);
  input.Visit([&](auto lanes) {
    using Lane = typename decltype(lanes)::value_type;
    for (size_t i = 0; i < spec.dimension(); ++i) {
      lanes[i] = static_cast<Lane>(i < clients ? i == client : random.Below(1u << kBits));
    }
    lanes[spec.dimension()] = static_cast<Lane>(client + 1);
  });
  return input;
}

std::vector<uint64_t> PlainSumOf(const Plan& plan, const std::vector<uint32_t>& included) {
  const v1::VectorSpec spec = SpecOf(plan);
  std::vector<uint64_t> sum(spec.dimension() + 1);
  for (const uint32_t client : included) {
    InputOf(spec, plan.clients, client).Visit([&](auto lanes) {
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += lanes[i];
    });
  }
  return sum;
}

}  // namespace veilsum::simulation
