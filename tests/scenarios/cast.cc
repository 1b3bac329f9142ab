// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/scenarios/cast.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "crypto/primitives/random.h"
#include "crypto/primitives/transcript_hash.h"
#include "proto/limits.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::scenarios {
namespace {

// SplitMix64: quick, and the same everywhere.
class QuickRandom {
 public:
  explicit QuickRandom(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

void FillFrom(uint64_t seed, absl::string_view purpose, uint64_t number, absl::Span<uint8_t> out) {
  const std::array<uint8_t, 8> bytes = crypto::EncodeU64(seed);
  crypto::DeterministicRandom(bytes, absl::StrCat("scenario ", purpose, " ", number)).Fill(out);
}

crypto::IdentityKeyPair MakeIdentity(uint64_t seed, uint64_t number) {
  return crypto::IdentityKeyPair::Generate(
      [&](absl::Span<uint8_t> out) { FillFrom(seed, "identity", number, out); });
}

}  // namespace

Cast::Cast(const Scenario& scenario) : seed_(scenario.seed()) {
  for (uint32_t i = 0; i < scenario.clients(); ++i) {
    identities_.push_back(std::make_shared<const crypto::IdentityKeyPair>(MakeIdentity(seed_, i)));
  }
  std::sort(identities_.begin(), identities_.end(),
            [](const auto& a, const auto& b) { return a->public_key() < b->public_key(); });
  somebody_else_ = std::make_unique<crypto::IdentityKeyPair>(MakeIdentity(seed_, 1'000'000));
}

uint32_t Cast::ClientOf(const crypto::IdentityPublicKey& identity) const {
  const auto found = std::lower_bound(
      identities_.begin(), identities_.end(), identity,
      [](const auto& one, const auto& wanted) { return one->public_key() < wanted; });
  if (found == identities_.end() || (*found)->public_key() != identity) return clients();
  return static_cast<uint32_t>(found - identities_.begin());
}

crypto::SessionSecret Cast::session_secret(uint32_t client) const {
  return crypto::SessionSecret::Generate(
      [&](absl::Span<uint8_t> out) { FillFrom(seed_, "session secret", client, out); });
}

client::SessionPolicy PolicyOf(const Scenario& scenario, const Cast& cast) {
  client::SessionPolicy policy;
  policy.least_tier = scenario.tier();
  policy.least_min_survivors = 2;
  if (!scenario.malicious()) return policy;
  client::IdentityRoster roster;
  roster.version = kRosterVersion;
  for (uint32_t client = 0; client < cast.clients(); ++client) {
    roster.identities.insert(cast.identity(client).public_key());
  }
  policy.identity_root = std::make_shared<const client::IdentityRoot>(std::move(roster));
  return policy;
}

std::optional<crypto::Digest> ModelHashOf(const Scenario& scenario) {
  if (!scenario.malicious()) return std::nullopt;
  return crypto::Sha256(crypto::AsBytes(scenario.name()));
}

std::vector<float> UpdateOf(const Scenario& scenario, uint32_t client) {
  std::vector<float> update(scenario.dimension());
  QuickRandom random(scenario.seed() * 1'000'003 + client);
  for (float& value : update) {
    value = static_cast<float>(static_cast<double>(random.Next() >> 11) * 0x1p-53 * 2.2 - 1.1);
  }
  for (size_t i = 0; i < std::min<size_t>(scenario.clients(), update.size() / 2); ++i) {
    update[i] = i == client ? kClip : -kClip;
  }
  return update;
}

std::vector<float> UpdateOfCaller(const Scenario& scenario, uint32_t client) {
  std::vector<float> update = UpdateOf(scenario, client);
  switch (scenario.script(client).caller_error) {
    case CallerError::kShortUpdate:
      update.pop_back();
      break;
    case CallerError::kLongUpdate:
      update.push_back(0);
      break;
    case CallerError::kNan:
      update.back() = std::numeric_limits<float>::quiet_NaN();
      break;
    case CallerError::kInfinity:
      update.back() = -std::numeric_limits<float>::infinity();
      break;
    default:
      break;
  }
  return update;
}

uint64_t WeightOfCaller(const Scenario& scenario, uint32_t client) {
  const ClientScript& script = scenario.script(client);
  if (script.caller_error == CallerError::kNoWeight) return 0;
  if (script.caller_error == CallerError::kTooMuchWeight) return scenario.max_weight() + 1;
  return script.weight;
}

v1::VectorSpec SpecOf(const Scenario& scenario) {
  v1::VectorSpec spec;
  spec.set_dimension(scenario.dimension());
  spec.set_clip(kClip);
  spec.set_quantisation_bits(scenario.quantisation_bits());
  spec.set_max_weight(scenario.max_weight());
  spec.set_modulus_bits(
      ModulusBits(scenario.Seats(), scenario.max_weight(), scenario.quantisation_bits()).value());
  return spec;
}

v1::SessionHeader HeaderOf(const Scenario& scenario) {
  v1::SessionHeader header;
  header.set_protocol_version(limits::kProtocolVersion);
  std::string session_id(limits::kSessionIdBytes, '\0');
  FillFrom(scenario.seed(), "session id", 0,
           absl::MakeSpan(reinterpret_cast<uint8_t*>(session_id.data()), session_id.size()));
  header.set_session_id(session_id);
  header.set_task_id(kTaskId);
  *header.mutable_vector() = SpecOf(scenario);
  header.set_tier(scenario.tier());
  header.set_graph(scenario.graph());
  header.set_corruption_rate(scenario.corruption_rate());
  header.set_dropout_rate(scenario.dropout_rate());
  header.set_min_survivors(scenario.min_survivors());
  header.set_max_clients(scenario.Seats());
  v1::PhaseDeadlines& deadlines = *header.mutable_deadlines();
  deadlines.set_advertise_keys_ms(1000);
  deadlines.set_share_keys_ms(1000);
  deadlines.set_masked_input_ms(1000);
  if (scenario.malicious()) {
    deadlines.set_consistency_check_ms(1000);
    header.set_model_hash(crypto::ToString(*ModelHashOf(scenario)));
    header.set_roster_version(kRosterVersion);
  }
  deadlines.set_unmasking_ms(1000);
  header.set_audience(v1::AUDIENCE_BOTH);
  return header;
}

}  // namespace veilsum::scenarios
