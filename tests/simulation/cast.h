// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Who takes part and with what. The same keys in every world: what is simulated is what happens to
// a session, and keys cost more than anything else in it.
#ifndef VEILSUM_TESTS_SIMULATION_CAST_H_
#define VEILSUM_TESTS_SIMULATION_CAST_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "client_sdk/protocol/participant_protocol.h"
#include "client_sdk/protocol/session_policy.h"
#include "crypto/masking/lanes.h"
#include "crypto/primitives/identity.h"
#include "proto/session.pb.h"
#include "tests/simulation/plan.h"

namespace veilsum::simulation {

inline constexpr char kTaskId[] = "simulation";
inline constexpr uint32_t kMostClients = 64;

// Of every phase.
inline constexpr uint64_t kDeadlineMs = 20'000;
inline constexpr uint64_t kLeastMs = 2'000;
// After a restart the present phase has so long at least, for clients to come back.
inline constexpr uint64_t kGraceMs = 55'000;

const crypto::IdentityKeyPair& IdentityOf(uint32_t client);
// kMostClients for a stranger.
uint32_t ClientOf(const crypto::IdentityPublicKey& identity);
// `generation`: how often the client lost all its state.
crypto::SessionSecret SecretOf(uint32_t client, uint32_t generation);

v1::SessionHeader HeaderOf(const Plan& plan);
std::optional<crypto::Digest> ModelHashOf(const Plan& plan);
// But for the journal and what was answered.
client::ParticipantOptions OptionsOf(const Plan& plan, uint32_t client, uint32_t generation);

// What a client adds to the sum: a one in the element of its own number and in nobody else's, any
// number in those that are nobody's, and its weight. A client that is counted twice shows.
crypto::LaneVector InputOf(const v1::VectorSpec& spec, uint32_t clients, uint32_t client);
// The sum of these clients' inputs, each once, without any of the protocol.
std::vector<uint64_t> PlainSumOf(const Plan& plan, const std::vector<uint32_t>& included);

}  // namespace veilsum::simulation

#endif  // VEILSUM_TESTS_SIMULATION_CAST_H_
