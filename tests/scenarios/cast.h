// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What a scenario's seed decides: identities, session secrets and updates. Everything is a function
// of the scenario, so that a failure can be played again.
#ifndef VEILSUM_TESTS_SCENARIOS_CAST_H_
#define VEILSUM_TESTS_SCENARIOS_CAST_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "client_sdk/protocol/session_policy.h"
#include "crypto/primitives/identity.h"
#include "crypto/primitives/secret.h"
#include "proto/session.pb.h"
#include "tests/scenarios/scenario.h"

namespace veilsum::scenarios {

inline constexpr float kClip = 1.0f;
inline constexpr char kTaskId[] = "scenario";
inline constexpr uint64_t kRosterVersion = 7;

class Cast {
 public:
  explicit Cast(const Scenario& scenario);

  const crypto::IdentityKeyPair& identity(uint32_t client) const { return *identities_[client]; }
  std::shared_ptr<const crypto::IdentityKeyPair> shared_identity(uint32_t client) const {
    return identities_[client];
  }
  // The client with this identity; clients() if there is none.
  uint32_t ClientOf(const crypto::IdentityPublicKey& identity) const;
  uint32_t clients() const { return static_cast<uint32_t>(identities_.size()); }
  crypto::SessionSecret session_secret(uint32_t client) const;
  // Not in the session and not allowed to be.
  const crypto::IdentityKeyPair& somebody_else() const { return *somebody_else_; }

 private:
  uint64_t seed_;
  std::vector<std::shared_ptr<const crypto::IdentityKeyPair>> identities_;  // Ascending.
  std::unique_ptr<crypto::IdentityKeyPair> somebody_else_;
};

// What the clients insist on: the scenario's own tier, and any cohort; in the malicious tier a
// roster file with everybody in it, and the model.
client::SessionPolicy PolicyOf(const Scenario& scenario, const Cast& cast);
// Nothing in the semi-honest tier.
std::optional<crypto::Digest> ModelHashOf(const Scenario& scenario);

// The first elements are one-hot, so that a sum which counts somebody twice or not at all shows
// where; the rest is random. Some elements are beyond the clip.
std::vector<float> UpdateOf(const Scenario& scenario, uint32_t client);
// The same, bent as the script says.
std::vector<float> UpdateOfCaller(const Scenario& scenario, uint32_t client);
uint64_t WeightOfCaller(const Scenario& scenario, uint32_t client);

v1::VectorSpec SpecOf(const Scenario& scenario);
// As an aggregator writes it. Deadlines are not used in memory.
v1::SessionHeader HeaderOf(const Scenario& scenario);

}  // namespace veilsum::scenarios

#endif  // VEILSUM_TESTS_SCENARIOS_CAST_H_
