// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What operators see of one session: a snapshot for those who ask, and every change for those who
// watch.
#ifndef VEILSUM_AGGREGATOR_RUNTIME_SESSION_VIEW_H_
#define VEILSUM_AGGREGATOR_RUNTIME_SESSION_VIEW_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "aggregator/protocol/events.h"
#include "aggregator/protocol/session_protocol.h"
#include "proto/operator.pb.h"

namespace veilsum::aggregator {

using SessionSnapshot = std::shared_ptr<const v1::Session>;
// Called on the session's strand; false: it wants no more. The last snapshot is one that HasEnded.
using SessionWatcher = std::function<bool(const SessionSnapshot&)>;

inline bool HasEnded(const v1::Session& session) {
  return session.state() == v1::SESSION_STATE_COMPLETED ||
         session.state() == v1::SESSION_STATE_ABORTED;
}

// What a list of sessions says of one: without its own lists of clients, which may be thousands.
v1::Session WithoutClients(const v1::Session& session);
// `report`, if it is no larger than `room`, which it takes; otherwise without its clients.
SessionSnapshot KeptReport(SessionSnapshot report, uint64_t& room);

// On the session's strand, but for Get.
class SessionView {
 public:
  using Clock = std::chrono::steady_clock;

  explicit SessionView(const v1::SessionHeader& header, Clock::time_point started = Clock::now());

  // What is applied from here on happened then: a session that was stored is seen as it was. Null:
  // it happens now.
  void SetTime(std::optional<Clock::time_point> time) { time_ = time; }

  void Apply(const PhaseStarted& effect, const SessionProtocol::Shape& shape);
  void Apply(const PhaseClosed& effect);
  void Apply(const Progress& effect);
  void Apply(const ClientDropped& effect);
  void Apply(const ClientRefused& effect);
  void Apply(const Finished& effect);
  void Apply(const UnmaskOutcome& outcome);

  // What was applied since the last time, if anything: for Get, then for those who watch.
  void Publish() {
    Store();
    Tell();
  }
  void Store();
  void Tell();
  void Watch(SessionWatcher watcher);

  const v1::Session& present() const { return session_; }
  uint64_t ElapsedMs() const { return MillisecondsSince(started_); }
  uint64_t PhaseElapsedMs() const { return MillisecondsSince(phase_started_); }

  // Thread-safe.
  SessionSnapshot Get() const;

 private:
  uint64_t MillisecondsSince(Clock::time_point start) const;
  Clock::time_point Now() const { return time_.value_or(Clock::now()); }

  const Clock::time_point started_;
  Clock::time_point phase_started_ = started_;
  std::optional<Clock::time_point> time_;
  v1::Session session_;
  bool changed_ = true;  // Since Store.
  bool untold_ = false;  // Stored since Tell.
  std::vector<SessionWatcher> watchers_;
  mutable std::mutex mutex_;
  SessionSnapshot published_;  // Under the mutex.
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_RUNTIME_SESSION_VIEW_H_
