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

// On the session's strand, but for Get.
class SessionView {
 public:
  explicit SessionView(const v1::SessionHeader& header);

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
  uint64_t ElapsedMs() const;
  uint64_t PhaseElapsedMs() const;

  // Thread-safe.
  SessionSnapshot Get() const;

 private:
  using Clock = std::chrono::steady_clock;

  const Clock::time_point started_ = Clock::now();
  Clock::time_point phase_started_ = started_;
  v1::Session session_;
  bool changed_ = true;  // Since Store.
  bool untold_ = false;  // Stored since Tell.
  std::vector<SessionWatcher> watchers_;
  mutable std::mutex mutex_;
  SessionSnapshot published_;  // Under the mutex.
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_RUNTIME_SESSION_VIEW_H_
