// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// One client's machine: the real core, and around it what client_sdk/transport and client_sdk/state
// do, on a virtual clock. Its process dies and starts again, from its journal or without.
#ifndef VEILSUM_TESTS_SIMULATION_PARTICIPANT_H_
#define VEILSUM_TESTS_SIMULATION_PARTICIPANT_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client_sdk/protocol/participant_protocol.h"
#include "crypto/masking/lanes.h"
#include "tests/adversary/privacy_checker.h"
#include "tests/simulation/aggregator_process.h"
#include "tests/simulation/clock.h"
#include "tests/simulation/plan.h"
#include "tests/simulation/random.h"
#include "tests/simulation/witness.h"

namespace veilsum::simulation {

class Participant {
 public:
  // How it speaks. Answers come to the functions below.
  struct Wires {
    // Opens a connection; Established or ConnectionLost follows.
    std::function<void(AggregatorProcess::Hello)> connect;
    std::function<void(v1::ClientMessage)> say;
    // Opens a call; its number is greater each time. HearUpload or CallLost follow.
    std::function<uint64_t()> call;
    std::function<void(uint64_t call, v1::UploadRequest)> upload;
    std::function<void()> download;
  };
  Participant(const Plan& plan, uint32_t client, AggregatorProcess::Surroundings around,
              bool keep_views, Wires wires);

  void Start();

  // ---- The network ----

  // The Hello is on its way.
  void Established();
  void ConnectionLost();
  void Hear(const v1::ServerMessage& message);
  void HearUpload(uint64_t call, const UploadAnswer& answer);
  void CallLost(uint64_t call);
  void HearDownload(absl::StatusOr<std::string> packed);

  // ---- Its fate ----

  // The process dies. An entry of the journal that is being written is durable, or not.
  void Crash(bool entry_durable, bool lose_state);
  void Restart();
  void Vanish();
  void GiveUp();

  // ---- What became of it ----

  bool running() const { return protocol_.has_value(); }
  bool gone() const { return gone_; }
  bool gave_up() const { return gave_up_; }
  // It lost all it had at least once.
  bool lost_state() const { return lost_state_; }
  bool has_session() const { return running() && !protocol_->session_id().empty(); }
  const std::optional<client::Finished>& finished() const { return finished_; }
  uint32_t generation() const { return generation_; }
  const std::vector<adversary::ClientView>& views() const { return views_; }

 private:
  enum class UploadStep { kNone, kWaiting, kOpening, kClosing };
  struct Upload {
    client::StartUpload wanted;
    uint64_t call = 0;
    UploadStep step = UploadStep::kWaiting;
    std::string packed;
  };

  void Begin();
  void Connect();
  void ConnectLater();
  // `work` unless the process died meanwhile.
  void After(uint64_t delay, std::function<void()> work);
  void ArmSessionTimer(bool last);
  void Step(client::Event event);
  void Carry(client::Effects effects);
  void CarryOn();
  void Do(client::Remember& remember);
  void Do(client::Send& send);
  void Do(client::EncodeInput& encode);
  void Do(client::StartUpload& start);
  void Do(client::DownloadResult& download);
  void Do(client::Progress&) {}
  void Do(client::Finished& finished);
  void Remembered();
  void CheckSaid(const v1::ClientMessage& message);
  void OpenUpload();
  void RetryUpload();
  void SendParts(uint64_t offset);
  void EndUpload() { upload_.reset(); }
  adversary::ClientView& view() { return views_.back(); }

  const Plan& plan_;
  const uint32_t client_;
  AggregatorProcess::Surroundings around_;
  const bool keep_views_;
  const Wires wires_;

  // Durable.
  uint32_t generation_ = 0;
  std::vector<std::string> journal_;
  std::set<crypto::Digest> answered_;

  // The process.
  uint64_t process_ = 0;
  std::optional<client::ParticipantProtocol> protocol_;
  std::deque<client::Effect> effects_;
  std::optional<client::Remember> remembering_;
  bool connected_ = false;
  bool take_up_ = false;
  bool timer_armed_ = false;
  uint32_t failures_ = 0;
  std::optional<crypto::LaneVector> input_;
  std::optional<Upload> upload_;
  bool downloading_ = false;

  // Outlives it.
  bool gone_ = false;
  bool gave_up_ = false;
  bool lost_state_ = false;
  std::optional<client::Finished> finished_;
  // By generation and round: what was said must be said again byte for byte.
  std::map<std::pair<uint32_t, v1::Round>, std::string> said_;
  std::map<uint32_t, std::string> uploaded_;
  std::map<uint32_t, v1::RevealedShare::ShareCase> revealed_;  // I5
  std::vector<adversary::ClientView> views_;
};

}  // namespace veilsum::simulation

#endif  // VEILSUM_TESTS_SIMULATION_PARTICIPANT_H_
