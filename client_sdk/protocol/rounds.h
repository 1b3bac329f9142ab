// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The rounds of docs/protocol.md, "Rounds", from the client's side: one function for each message
// of the aggregator. It consumes the phase before, checks the message, and returns the next phase;
// its effects are appended only once every check has passed. An error is this client's decision to
// leave, with the reason; the phase and its secrets are gone then. Internal to protocol/.
// Pure; thread-safe.
#ifndef VEILSUM_CLIENT_SDK_PROTOCOL_ROUNDS_H_
#define VEILSUM_CLIENT_SDK_PROTOCOL_ROUNDS_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client_sdk/protocol/participant_protocol.h"
#include "client_sdk/protocol/phases.h"
#include "proto/reason.pb.h"
#include "proto/rounds.pb.h"

namespace veilsum::client {

// What all rounds see and none consumes.
struct SessionContext {
  const crypto::IdentityKeyPair* identity = nullptr;
  SessionPolicy policy;
  std::string task_id;
  std::optional<crypto::Digest> model_hash;
  std::string enrolment_signature;                      // 64 bytes, or empty.
  std::function<bool(const crypto::Digest&)> answered;  // ParticipantOptions.

  // From the offer on.
  v1::SessionHeader header;
  crypto::Digest header_hash{};
  // From the roster on.
  std::optional<crypto::RandomSeed> rounding_seed;

  // Of the one input of this session, once it is encoded, before or after a restart.
  std::optional<crypto::Digest> input_digest;
  bool input_ready = false;  // It is encoded, and there since the last restart.
};

// This client leaves because of what the aggregator sent.
absl::Status Declined(v1::Reason reason, absl::string_view text);

// Round 0, AdvertiseKeys.
absl::StatusOr<AwaitingRoster> AdvertiseKeys(AwaitingOffer phase, const v1::SessionOffer& offer,
                                             SessionContext& context, Effects& effects);
absl::StatusOr<AwaitingNeighbours> CheckRoster(AwaitingRoster phase,
                                               const v1::RosterAnnouncement& announcement,
                                               SessionContext& context, Effects& effects);
// OK if the announcement names the roster with this root.
absl::Status CheckSameRoster(const crypto::Digest& roster_root,
                             const v1::RosterAnnouncement& announcement);

// Round 1, ShareKeys.
absl::StatusOr<AwaitingShares> ShareKeys(AwaitingNeighbours phase,
                                         const v1::NeighbourEntries& entries,
                                         SessionContext& context, Effects& effects);

// Round 2, MaskedInputCollection.
absl::StatusOr<AwaitingSurvivors> MaskInput(AwaitingShares phase,
                                            const v1::DeliveredShares& delivered,
                                            SessionContext& context, Effects& effects);

// To do once the shares are in (the phase) and the input is ready.
StartUpload BeginUpload(const AwaitingSurvivors& phase, const SessionContext& context);

// Round 3, ConsistencyCheck: malicious tier.
absl::StatusOr<AwaitingConsistency> SignSurvivors(AwaitingSurvivors phase,
                                                  const v1::SurvivorSet& survivors,
                                                  SessionContext& context, Effects& effects);
absl::StatusOr<AwaitingResult> CheckSignatures(AwaitingConsistency phase,
                                               const v1::ConsistencySignatures& signatures,
                                               SessionContext& context, Effects& effects);

// Round 4, Unmasking. Semi-honest tier: the survivors are answered at once.
absl::StatusOr<AwaitingResult> AnswerSurvivors(AwaitingSurvivors phase,
                                               const v1::SurvivorSet& survivors,
                                               SessionContext& context, Effects& effects);
// OK if these are the survivors that were taken. The latch of docs/protocol.md, "Round 4".
absl::Status CheckSameSurvivors(const TakenSurvivors& taken, const v1::SurvivorSet& survivors);

// REASON_ALREADY_ANSWERED if this client ever helped unmask a sum for the header's model.
absl::Status CheckNotAnswered(const SessionContext& context, const v1::SessionHeader& header);

// The end: appends DownloadResult, or Finished where the result is not for participants.
absl::StatusOr<AwaitingDownload> CheckResult(AwaitingResult phase, const v1::SessionResult& result,
                                             SessionContext& context, Effects& effects);
// OK if these bytes are the announced sum.
absl::Status CheckDownload(const AwaitingDownload& phase, absl::string_view packed);

// Signs bytes of this SHA-256 for a round after AdvertiseKeys.
crypto::Signature SignDigest(const SessionContext& context, const crypto::Digest& transcript,
                             crypto::ProtocolRound round, const crypto::Digest& digest);
// The same, for a body that travels.
v1::SignedMessage SignBody(const SessionContext& context, const crypto::Digest& transcript,
                           crypto::ProtocolRound round, std::string body);

inline bool ResultIsForParticipants(const v1::SessionHeader& header) {
  return header.audience() != v1::AUDIENCE_OPERATOR;
}

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_PROTOCOL_ROUNDS_H_
