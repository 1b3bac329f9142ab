// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// From what is stored of a session to the session as it stood.

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "aggregator/accumulate/checkpoint.h"
#include "aggregator/runtime/names.h"
#include "aggregator/runtime/session_options.h"
#include "aggregator/runtime/session_runtime.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

// A time of the wall clock, of this process or an earlier one, on the steady one. Never in the
// future, whatever the wall clock did.
SessionView::Clock::time_point SteadyTime(absl::Time time) {
  const absl::Duration age = std::max(absl::ZeroDuration(), absl::Now() - time);
  return SessionView::Clock::now() -
         std::chrono::duration_cast<SessionView::Clock::duration>(absl::ToChronoNanoseconds(age));
}

// When the phases ended, in order, and the session, if it did.
struct StoredTimes {
  std::deque<absl::Time> closes;
  std::optional<absl::Time> end;
  FinishSession finish;
};

StoredTimes TimesOf(const StoredSession& stored) {
  StoredTimes times;
  for (const StoredOperation& one : stored.operations) {
    if (std::holds_alternative<ClosePhase>(one.operation) ||
        std::holds_alternative<FreezeSurvivors>(one.operation)) {
      times.closes.push_back(one.stored);
    } else if (const auto* finish = std::get_if<FinishSession>(&one.operation)) {
      times.end = one.stored;
      times.finish = *finish;
    }
  }
  return times;
}

}  // namespace

absl::StatusOr<std::shared_ptr<SessionRuntime>> SessionRuntime::Restore(
    StoredSession stored, std::optional<BlobStore::Checkpoint> checkpoint, SessionServices services,
    std::unique_ptr<SessionStorage> storage) {
  v1::Task task;
  if (!task.ParseFromString(stored.session.task)) return DamagedSession("its task does not parse");
  StoredLog log;
  std::optional<Checkpoint> sum;
  if (checkpoint.has_value()) {
    absl::StatusOr<Checkpoint> decoded = DecodeCheckpoint(checkpoint->bytes);
    if (!decoded.ok()) return decoded.status();
    if (decoded->name.session_id != stored.session.session_id ||
        decoded->name.generation != checkpoint->generation) {
      return DamagedSession("its checkpoint is another one than its name says");
    }
    if (decoded->accumulator.elements() != ElementsOf(task.vector()) ||
        decoded->accumulator.modulus_bits() != task.vector().modulus_bits()) {
      return DamagedSession("its checkpoint is of another vector");
    }
    log.checkpoint = checkpoint->generation;
    log.included = decoded->name.included;
    sum = *std::move(decoded);
    checkpoint.reset();
  }
  for (const StoredOperation& one : stored.operations) log.operations.push_back(one.operation);
  absl::StatusOr<DurableSession> session = DurableSession::Restore(
      OptionsFor(task, stored.session.header, services.admits, services.enrolment), std::move(log));
  if (!session.ok()) return session.status();
  if (session->protocol().header().session_id() != stored.session.session_id) {
    return DamagedSession("its header is of another session");
  }
  const std::shared_ptr<SessionRuntime> runtime(
      new SessionRuntime(task, *std::move(session), std::move(services), std::move(storage),
                         SteadyTime(stored.session.created)));
  runtime->Replay(stored);
  if (!runtime->finished_ && runtime->phase_ >= Phase::kMaskedInputCollection) {
    sum.has_value()
        ? runtime->sum_->Restore(std::move(sum->accumulator), std::move(sum->name.included))
        : runtime->sum_->Begin(task.vector());
  }
  return runtime;
}

// What the session did, for those who look at it, each thing at its time.
void SessionRuntime::Replay(const StoredSession& stored) {
  StoredTimes times = TimesOf(stored);
  absl::Time time = stored.session.created;
  for (const Effect& effect : session_.history()) {
    if (const auto* started = std::get_if<PhaseStarted>(&effect)) {
      phase_ = started->phase;
      restored_phase_ = SteadyTime(time);
      view_.SetTime(restored_phase_);
      view_.Apply(*started, phase_ == Phase::kAdvertiseKeys ? SessionProtocol::Shape{}
                                                            : session_.protocol().shape());
    } else if (const auto* closed = std::get_if<PhaseClosed>(&effect)) {
      time = times.end.value_or(time);
      if (!times.closes.empty()) {
        time = times.closes.front();
        times.closes.pop_front();
      }
      view_.SetTime(SteadyTime(time));
      view_.Apply(*closed);
      roster_closed_ = true;
    } else if (const auto* finished = std::get_if<Finished>(&effect)) {
      view_.SetTime(SteadyTime(times.end.value_or(time)));
      finished_ = true;
      if (finished->reason == v1::REASON_UNSPECIFIED) {
        view_.Apply(UnmaskOutcome{times.finish.result_digest, times.finish.result_bytes});
        result_.ReadWith(storage_->ResultReader());
      }
      view_.Apply(*finished);
    } else if (const auto* progress = std::get_if<Progress>(&effect)) {
      view_.Apply(*progress);
    } else if (const auto* dropped = std::get_if<ClientDropped>(&effect)) {
      view_.Apply(*dropped);
    } else if (const auto* refused = std::get_if<ClientRefused>(&effect)) {
      view_.Apply(*refused);
    }
  }
  if (finished_) restored_phase_.reset();
  refusals_told_ = view_.present().refusals_total();
  view_.Store();
  view_.SetTime(std::nullopt);
}

}  // namespace veilsum::aggregator
