// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What the protocol wants done, done.

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregator/runtime/names.h"
#include "aggregator/runtime/session_runtime.h"
#include "proto/limits.h"
#include "spdlog/spdlog.h"

namespace veilsum::aggregator {
namespace {

// Progress is told at most this often, to clients less often where there are many: the protocol
// needs none of these messages, and they were most of a session's.
constexpr std::chrono::milliseconds kProgressInterval{1'000};
constexpr size_t kProgressMessagesPerSecond = 200;

// Of a session, one by one; then only their number, once a phase.
constexpr uint64_t kLoggedRefusals = 20;

// Of a phase that goes on after a restart, at least. A client that waits for the phase's outcome
// may notice only by its next ping that the machine was reset without a word, or by that ping's
// timeout if it was under way then (client_sdk/transport/channel.cc: 20 s); then it needs an
// attempt or two.
constexpr std::chrono::milliseconds kTimeToComeBack{limits::kKeepaliveMs + 20'000 + 5'000};

double Seconds(uint64_t milliseconds) { return static_cast<double>(milliseconds) / 1e3; }

v1::ServerMessage AnswerTo(const Reply& reply) {
  const absl::Status status = StatusOf(reply);
  if (!status.ok()) {
    v1::ServerMessage message = RefusedMessage(v1::Refused::SCOPE_MESSAGE, status);
    message.mutable_refused()->set_round(RoundOf(reply.phase));
    return message;
  }
  v1::ServerMessage message;
  message.mutable_accepted()->set_round(RoundOf(reply.phase));
  return message;
}

}  // namespace

// For the log: no identity of a client ever.
std::string SessionRuntime::Label() const {
  return absl::StrCat("session ", ShortId(session_id_), " of task ", task_.task_id());
}

void SessionRuntime::CarryOut(Actions actions) {
  for (Action& action : actions) {
    if (lost_) break;
    std::visit([this](auto& one) { CarryOut(one); }, action);
  }
  encoded_.clear();
  for (const IdentityPublicKey& identity : std::exchange(leaving_, {})) {
    const auto found = connections_.find(identity);
    if (found == connections_.end()) continue;
    found->second->Close(absl::OkStatus());
    connections_.erase(found);
  }
}

void SessionRuntime::CarryOut(Effect& effect) {
  std::visit([this](auto& one) { CarryOut(one); }, effect);
}

void SessionRuntime::CarryOut(Reply& reply) {
  // One upload is one message: its opening only counts when it is the end of it.
  if (reply.answers != Answers::kUploadOpened || reply.result != MessageResult::kAccepted) {
    services_.recorder.Message(RoundOf(reply.phase), MetricOf(reply.result));
  }
  if (reply.answers != Answers::kMessage) {
    uploads_.Answer(reply);
  } else if (!reply.dropped) {  // Else a refusal follows that says more.
    SendTo(reply.to, AnswerTo(reply));
  }
}

void SessionRuntime::CarryOut(Send& send) {
  const auto found = connections_.find(send.to);
  if (found == connections_.end()) return;  // It gets the message when it is back.
  if (send.message == nullptr) return found->second->Send({nullptr, false, send.make});
  EncodedMessage& encoded = encoded_[send.message.get()];
  if (encoded.bytes == nullptr) encoded = Encode(*send.message);
  found->second->Send(encoded);
}

void SessionRuntime::CarryOut(PhaseStarted& effect) {
  const v1::PhasePolicy& policy = PolicyOf(task_, effect.phase);
  phase_ = effect.phase;
  services_.recorder.PhaseStarted(RoundOf(phase_), std::exchange(counted_phase_, RoundOf(phase_)),
                                  Seconds(policy.deadline_ms()));
  if (restored_phase_.has_value()) {
    // It goes on. Its clients need some time to come back, however long ago it began.
    const auto passed = Clock::now() - *std::exchange(restored_phase_, std::nullopt);
    return StartTimers(policy, std::max<Clock::duration>(passed, Clock::duration::zero()));
  }
  view_.Apply(effect, session_.protocol().shape());
  if (phase_ == Phase::kMaskedInputCollection) sum_->Begin(task_.vector());
  StartTimers(policy, Clock::duration::zero());
  view_.Publish();
}

// The timers of an earlier phase end here, too.
void SessionRuntime::StartTimers(const v1::PhasePolicy& policy, Clock::duration passed) {
  const std::chrono::milliseconds least(policy.least_ms());
  const std::chrono::milliseconds deadline(policy.deadline_ms());
  StartTimer(least_timer_, std::max(Clock::duration::zero(), least - passed),
             LeastTimePassed{phase_});
  StartTimer(deadline_timer_,
             std::max<Clock::duration>(deadline - passed, std::min(deadline, kTimeToComeBack)),
             DeadlinePassed{phase_});
}

void SessionRuntime::CancelTimers() {
  for (asio::steady_timer* timer :
       {&least_timer_, &deadline_timer_, &progress_timer_, &checkpoint_timer_, &result_timer_}) {
    timer->cancel();
  }
}

void SessionRuntime::CarryOut(PhaseClosed& effect) {
  const uint64_t took_ms = view_.PhaseElapsedMs();
  services_.recorder.PhaseClosed(RoundOf(effect.phase), Seconds(took_ms), effect.answered);
  view_.Apply(effect);
  view_.Publish();
  SendProgress();
  const SessionProtocol::Shape shape = session_.protocol().shape();
  spdlog::info("{}: {} of {} {}, {} dropped{}, {:.2f} s", Label(), effect.answered,
               view_.present().expected(), std::string(AnswersOf(effect.phase)),
               view_.present().dropouts_size(),
               shape.threshold == 0 ? "" : absl::StrCat(", threshold ", shape.threshold),
               Seconds(took_ms));
  LogRefusals();
  if (effect.phase == Phase::kAdvertiseKeys) {
    roster_closed_ = true;
    RefuseWithoutSeat(v1::Refused::SCOPE_CLIENT, v1::REASON_LATE,
                      "the roster closed before the client's keys arrived; join the next session");
    listener_.roster_closed();
  }
  if (effect.phase == Phase::kMaskedInputCollection) {
    services_.uploads->DiscardSession(
        session_id_, StatusFor(v1::REASON_LATE,
                               "the phase closed before the whole input arrived; the session goes "
                               "on without it"));
  }
}

void SessionRuntime::CarryOut(Progress& effect) {
  view_.Apply(effect);
  ScheduleProgress();
}

void SessionRuntime::ScheduleProgress() {
  if (progress_scheduled_ || finished_) return;
  progress_scheduled_ = true;
  progress_timer_.expires_after(kProgressInterval);
  progress_timer_.async_wait([weak = weak_from_this()](std::error_code error) {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->progress_scheduled_ = false;
    if (error || self->finished_) return;
    self->view_.Publish();
    if (Clock::now() >= self->progress_due_) return self->SendProgress();
    self->ScheduleProgress();
  });
}

void SessionRuntime::SendProgress() {
  v1::ServerMessage message;
  v1::PhaseProgress& progress = *message.mutable_progress();
  progress.set_round(RoundOf(phase_));
  progress.set_answered(view_.present().answered());
  progress.set_expected(view_.present().expected());
  const EncodedMessage encoded = Encode(message);
  for (const auto& [identity, connection] : connections_) connection->Send(encoded);
  const std::chrono::milliseconds for_all(1000 * connections_.size() / kProgressMessagesPerSecond);
  progress_due_ = Clock::now() + for_all;
}

void SessionRuntime::CarryOut(ClientDropped& effect) {
  services_.recorder.Dropout(RoundOf(effect.phase), effect.reason);
  view_.Apply(effect);
  ScheduleProgress();
  if (!effect.keeps_seat) leaving_.push_back(effect.who);
}

void SessionRuntime::CarryOut(ClientRefused& effect) {
  view_.Apply(effect);
  ScheduleProgress();
  if (!effect.had_seat) leaving_.push_back(effect.who);
  // LogRefusals says how many more.
  if (view_.present().refusals_total() > kLoggedRefusals) return;
  // Not the client's own words: they may name identities, and are whatever it likes.
  spdlog::warn("{}: a client refused it, {}; `veilsum session watch` has its words", Label(),
               v1::Reason_Name(effect.reason));
}

void SessionRuntime::LogRefusals() {
  const uint64_t refusals = view_.present().refusals_total();
  if (refusals <= std::max(kLoggedRefusals, refusals_told_)) return;
  spdlog::warn("{}: {} clients have refused it so far; `veilsum session watch` shows the last ones",
               Label(), refusals);
  refusals_told_ = refusals;
}

void SessionRuntime::CarryOut(Fold& effect) {
  std::shared_ptr<TakenUpload> upload = services_.uploads->Take({session_id_, effect.from});
  const Digest digest = uploads_.BeginFold(effect.from);
  const auto finished = [self = shared_from_this(), from = effect.from](absl::Status status) {
    self->Post([self, from, status] { self->Step(Folded{from, status}); });
  };
  if (upload == nullptr) return finished(absl::InternalError("the upload is gone"));
  services_.recorder.UploadReceived(upload->bytes().size());
  sum_->Fold(std::move(upload), {effect.from, digest}, finished);
}

void SessionRuntime::CarryOut(DiscardUpload& effect) {
  services_.uploads->Discard({session_id_, effect.from},
                             StatusFor(v1::REASON_BAD_UPLOAD, "the upload was refused"));
}

void SessionRuntime::CarryOut(Unmask& effect) {
  sum_->Unmask(effect.plan,
               [self = shared_from_this()](absl::StatusOr<UnmaskOutcome> outcome, PackedSum sum) {
                 self->Post([self, outcome = std::move(outcome), sum = std::move(sum)] {
                   if (self->lost_ || self->finished_) return;
                   if (!outcome.ok()) return self->Step(UnmaskFinished{outcome});
                   self->StoreResult(*outcome, sum);
                 });
               });
}

void SessionRuntime::CarryOut(Finished& effect) {
  finished_ = true;
  const bool completed = effect.reason == v1::REASON_UNSPECIFIED;
  CancelTimers();
  view_.Apply(effect);
  services_.recorder.SessionFinished(effect.reason, counted_phase_, Seconds(view_.ElapsedMs()));
  services_.uploads->DiscardSession(session_id_,
                                    StatusFor(v1::REASON_LATE, "the session has ended"));
  sum_->End();
  LogRefusals();
  if (completed) {
    spdlog::info("{}: completed, {} inputs in the sum, {:.2f} s", Label(), effect.included.size(),
                 Seconds(view_.ElapsedMs()));
  } else {
    result_.Drop();
    spdlog::warn("{}: aborted, {}: {}", Label(), v1::Reason_Name(effect.reason), effect.detail);
    RefuseWithoutSeat(v1::Refused::SCOPE_SESSION, effect.reason, effect.detail);
  }
  for (const auto& [identity, connection] : connections_) leaving_.push_back(identity);
  // The owner knows before those who watch do: their next request finds the session ended.
  view_.Store();
  StoreEnd(completed);
  if (!roster_closed_) listener_.roster_closed();
  listener_.finished();
  view_.Tell();
  TellEnd();
}

}  // namespace veilsum::aggregator
