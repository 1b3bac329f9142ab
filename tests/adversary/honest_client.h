// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// An honest client on its own machine: the real core with a real policy and a real journal, and
// whoever holds the object decides what it hears. What it lets go of is kept for the privacy
// checker.
#ifndef VEILSUM_TESTS_ADVERSARY_HONEST_CLIENT_H_
#define VEILSUM_TESTS_ADVERSARY_HONEST_CLIENT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client_sdk/protocol/participant_protocol.h"
#include "crypto/primitives/identity.h"
#include "proto/participant.pb.h"
#include "proto/reason.pb.h"
#include "tests/adversary/privacy_checker.h"

namespace veilsum::adversary {

inline constexpr char kTaskId[] = "adversary";

class HonestClient {
 public:
  struct Options {
    std::shared_ptr<const crypto::IdentityKeyPair> identity;
    client::SessionPolicy policy;
    std::optional<crypto::Digest> model_hash;
    std::string enrolment_signature{};
    uint64_t seed = 1;             // Of session secrets and the update.
    std::optional<float> value{};  // Of all elements of the update, instead.
    uint64_t weight = 1;
  };
  explicit HonestClient(Options options);
  HonestClient(const HonestClient&) = delete;
  HonestClient& operator=(const HonestClient&) = delete;

  // ---- What the aggregator does to it ----

  void Hear(const v1::ServerMessage& message);
  // A new connection resumes the session: what is not acknowledged is said again.
  void Reconnect();
  void RefuseUpload(v1::Reason reason);
  // Anything else.
  void Take(client::Event event) { Carry(protocol_->Step(std::move(event))); }

  // ---- What becomes of its machine ----

  // The machine starts again with everything it had remembered; `false`: it refuses its state.
  bool Restart() { return RestoreJournal(journal_.size()); }
  // … with what it had remembered after the first `entries` entries: an old copy.
  bool RestoreJournal(size_t entries);
  // … with all but one entry.
  bool RestartWithout(size_t entry);
  // Another secret is found beside the journal.
  void LoseSecret() { ++session_; }
  // … with other digests of what was sent.
  bool RestartWithOtherDigests();
  // The caller comes with another update from the next encoding on.
  void ChangeUpdate() { ++update_version_; }
  // The next session, with a fresh secret. What was answered stays known.
  void BeginSession();

  // ---- What it does ----

  const crypto::IdentityPublicKey& identity() const { return options_.identity->public_key(); }
  const crypto::IdentityKeyPair& key_pair() const { return *options_.identity; }
  // Of the present session.
  crypto::SessionSecret session_secret() const;
  const std::vector<std::string>& journal() const { return journal_; }
  v1::Outcome last_outcome() const { return protocol_->last_outcome(); }

  // All that it said since it started or restarted, in order.
  const std::vector<v1::ClientMessage>& said() const { return said_; }
  const v1::ClientMessage* Last(v1::ClientMessage::MessageCase kind) const;
  uint32_t Count(v1::ClientMessage::MessageCase kind) const;
  // The masked input, packed; empty: none left. All that ever left are in `uploads`.
  const std::string& upload() const { return upload_; }
  const v1::UploadOpen& upload_open() const { return upload_open_; }
  const v1::UploadClose& upload_close() const { return upload_close_; }
  const std::set<std::string>& uploads() const { return uploads_; }

  bool ended() const { return ended_; }
  // Why it left of its own decision; nothing while it goes on, or when others ended it.
  std::optional<v1::Reason> declined() const;
  const absl::Status& end() const { return end_; }

  // Every incarnation of it in every session.
  std::vector<ClientView> views() const;

 private:
  client::ParticipantOptions MakeOptions() const;
  void Carry(client::Effects effects);
  void CarryOne(client::Remember remember);
  void CarryOne(client::Send send);
  void CarryOne(const client::EncodeInput& encode);
  void CarryOne(client::StartUpload start);
  void CarryOne(const client::DownloadResult&) {}
  void CarryOne(const client::Progress&) {}
  void CarryOne(client::Finished finished);

  Options options_;
  uint32_t session_ = 0;
  uint32_t update_version_ = 0;
  std::vector<std::string> journal_;
  std::set<crypto::Digest> answered_;  // Models.
  std::optional<client::ParticipantProtocol> protocol_;
  std::optional<crypto::LaneVector> lanes_;
  std::vector<v1::ClientMessage> said_;
  v1::UploadOpen upload_open_;
  v1::UploadClose upload_close_;
  std::string upload_;
  std::set<std::string> uploads_;
  bool ended_ = false;
  absl::Status end_;
  std::vector<ClientView> past_;
  ClientView view_;
};

}  // namespace veilsum::adversary

#endif  // VEILSUM_TESTS_ADVERSARY_HONEST_CLIENT_H_
