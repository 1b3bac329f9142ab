// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// One client's core in memory: does what client_sdk/transport does around it, without a socket or a
// clock. Its connection is two queues, which the driver empties in any order it likes.
#ifndef VEILSUM_TESTS_SCENARIOS_CLIENT_NODE_H_
#define VEILSUM_TESTS_SCENARIOS_CLIENT_NODE_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "client_sdk/protocol/participant_protocol.h"
#include "crypto/masking/lanes.h"
#include "crypto/primitives/secret.h"
#include "crypto/primitives/transcript_hash.h"
#include "tests/scenarios/aggregator_node.h"
#include "tests/scenarios/cast.h"
#include "tests/scenarios/interposer.h"

namespace veilsum::scenarios {

class ClientNode {
 public:
  struct Options {
    size_t chunk_bytes;            // Of an upload; small ones make many chunks.
    bool cuts_lose_what_was_sent;  // Or it still arrives.
  };
  ClientNode(const Scenario& scenario, const Cast& cast, uint32_t client, Blackboard* blackboard,
             Options options);

  // ---- The connection, filled and emptied by the driver ----

  std::deque<v1::ClientMessage> outbox;
  std::deque<MessagePtr> inbox;
  std::deque<UploadAnswer> upload_inbox;

  void Hear(const v1::ServerMessage& message);
  void HearUpload(const UploadAnswer& answer);

  // The next part of the upload, if the aggregator need not speak first.
  bool can_upload() const;
  v1::UploadRequest NextUploadRequest();

  // What the client is waiting to fetch, if anything.
  bool wants_result() const { return download_bytes_ > 0 && !ended_; }
  void TakeResult(std::string packed);

  // ---- Faults ----

  void Cut();     // What was coming is lost; `wants_to_return` is true from here on.
  void Vanish();  // What is on its way still arrives; the client is no more.
  void GiveUp() { Step(client::CancelRequested{}); }
  bool wants_to_return() const { return cut_ && alive(); }
  // The new connection is there, and the aggregator has been told (AggregatorNode::Resume).
  void Return();

  bool started = false;  // Has connected for the first time.
  bool alive() const { return !vanished_; }
  bool ended() const { return ended_; }
  bool listens() const { return alive() && !ended_ && !cut_; }
  // Its part of AdvertiseKeys is done, whatever came of it.
  bool advertised() const { return advertised_ || ended_ || vanished_; }
  std::string session_id() const { return protocol_.session_id(); }
  v1::Outcome last_outcome() const { return protocol_.last_outcome(); }

  // The quantised input, made once more from the seed of its rounding. Only after it was encoded.
  crypto::LaneVector Input() const;
  ClientOutcome Report() const;
  std::vector<std::string> violations;

 private:
  enum class UploadStep { kNone, kOpen, kAwaitProceed, kData, kClose, kAwaitReceipt };

  void Step(client::Event event);
  void Carry(const client::Remember&) {}
  void Carry(client::Send send);
  void Carry(const client::EncodeInput& encode);
  void Carry(client::StartUpload upload);
  void Carry(const client::DownloadResult& download) { download_bytes_ = download.total_bytes; }
  void Carry(const client::Progress&) {}
  void Carry(client::Finished finished);
  bool CallerFits();
  void Say(v1::ClientMessage message);
  std::string MakeChunk();
  void EndUpload();

  // A point in the script: true if it cost the client its connection or more.
  bool Pass(When when);

  const Scenario& scenario_;
  const uint32_t client_;
  const ClientScript& script_;
  const Options options_;
  Interposer interposer_;
  client::ParticipantProtocol protocol_;
  std::vector<When> passed_;  // Points that had their effect: each has it once.

  std::optional<crypto::RandomSeed> rounding_seed_;
  v1::VectorSpec spec_;
  std::optional<crypto::LaneVector> input_;
  std::optional<client::StartUpload> upload_;
  UploadStep upload_step_ = UploadStep::kNone;
  uint64_t next_element_ = 0;
  crypto::Sha256Hasher hasher_;
  uint64_t hashed_bytes_ = 0;
  uint64_t download_bytes_ = 0;

  bool caller_checked_ = false;
  absl::Status giving_up_;
  bool advertised_ = false;
  bool cut_ = false;
  bool vanished_ = false;
  bool ended_ = false;
  ClientOutcome outcome_;
};

}  // namespace veilsum::scenarios

#endif  // VEILSUM_TESTS_SCENARIOS_CLIENT_NODE_H_
