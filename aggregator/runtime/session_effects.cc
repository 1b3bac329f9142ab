// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What the protocol wants done, done.

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregator/runtime/names.h"
#include "aggregator/runtime/session_runtime.h"
#include "spdlog/spdlog.h"

namespace veilsum::aggregator {
namespace {

// Progress is told at most this often, and less often where many listen.
constexpr std::chrono::milliseconds kProgressInterval{250};
constexpr size_t kProgressMessagesPerSecond = 2'000;

// Of a session, one by one; then only their number, once a phase.
constexpr uint64_t kLoggedRefusals = 20;

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

void SessionRuntime::CarryOut(Effects effects) {
  for (Effect& effect : effects) {
    std::visit([this](auto& one) { CarryOut(one); }, effect);
  }
  encoded_.clear();
  for (const IdentityPublicKey& identity : std::exchange(leaving_, {})) {
    const auto found = connections_.find(identity);
    if (found == connections_.end()) continue;
    found->second->Close(absl::OkStatus());
    connections_.erase(found);
  }
}

void SessionRuntime::CarryOut(Reply& reply) {
  const bool opening = reply.answers == Answers::kUploadOpened && opening_ == reply.to &&
                       !opening_reply_.has_value();
  // One upload is one message: its opening only counts when it is the end of it.
  if (!opening || reply.result != MessageResult::kAccepted) {
    services_.recorder.Message(RoundOf(reply.phase), MetricOf(reply.result));
  }
  if (opening) {
    opening_reply_ = std::move(reply);
  } else if (reply.answers != Answers::kMessage) {
    AnswerUpload(reply);
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
  const v1::Round before =
      view_.present().phases().empty() ? v1::ROUND_UNSPECIFIED : RoundOf(phase_);
  phase_ = effect.phase;
  services_.recorder.PhaseStarted(RoundOf(phase_), before, Seconds(policy.deadline_ms()));
  view_.Apply(effect, protocol_.shape());
  if (phase_ == Phase::kMaskedInputCollection) {
    sum_->Begin(task_.vector());
  }
  StartTimer(least_timer_, policy.least_ms(), LeastTimePassed{phase_});
  StartTimer(deadline_timer_, policy.deadline_ms(), DeadlinePassed{phase_});
  view_.Publish();
}

// The timers of an earlier phase end here, too.
void SessionRuntime::StartTimer(asio::steady_timer& timer, uint64_t milliseconds, Event event) {
  timer.expires_after(std::chrono::milliseconds(milliseconds));
  timer.async_wait([weak = weak_from_this(), event = std::move(event)](std::error_code error) {
    const auto self = weak.lock();
    if (!error && self != nullptr && !self->finished_) self->Step(event);
  });
}

void SessionRuntime::CarryOut(PhaseClosed& effect) {
  const uint64_t took_ms = view_.PhaseElapsedMs();
  services_.recorder.PhaseClosed(RoundOf(effect.phase), Seconds(took_ms), effect.answered);
  view_.Apply(effect);
  SendProgress();
  const SessionProtocol::Shape shape = protocol_.shape();
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
  const std::chrono::milliseconds for_many(1000 * connections_.size() / kProgressMessagesPerSecond);
  progress_timer_.expires_after(std::max(kProgressInterval, for_many));
  progress_timer_.async_wait([weak = weak_from_this()](std::error_code error) {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->progress_scheduled_ = false;
    if (!error && !self->finished_) self->SendProgress();
  });
}

void SessionRuntime::SendProgress() {
  view_.Publish();
  v1::ServerMessage message;
  v1::PhaseProgress& progress = *message.mutable_progress();
  progress.set_round(RoundOf(phase_));
  progress.set_answered(view_.present().answered());
  progress.set_expected(view_.present().expected());
  const EncodedMessage encoded = Encode(message);
  for (const auto& [identity, connection] : connections_) connection->Send(encoded);
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
  const auto finished = [self = shared_from_this(), from = effect.from](absl::Status status) {
    self->Post([self, from, status] { self->Step(FoldFinished{from, status}); });
  };
  if (upload == nullptr) return finished(absl::InternalError("the upload is gone"));
  services_.recorder.UploadReceived(upload->bytes().size());
  sum_->Fold(std::move(upload), finished);
}

void SessionRuntime::CarryOut(DiscardUpload& effect) {
  services_.uploads->Discard({session_id_, effect.from},
                             StatusFor(v1::REASON_BAD_UPLOAD, "the upload was refused"));
}

void SessionRuntime::CarryOut(Unmask& effect) {
  sum_->Unmask(effect.plan,
               [self = shared_from_this()](absl::StatusOr<UnmaskOutcome> outcome, PackedSum sum) {
                 self->Post([self, outcome = std::move(outcome), sum = std::move(sum)] {
                   if (outcome.ok() && !self->finished_) {
                     self->result_ = sum;
                     self->view_.Apply(*outcome);
                   }
                   self->Step(UnmaskFinished{outcome});
                 });
               });
}

void SessionRuntime::CarryOut(Finished& effect) {
  finished_ = true;
  const v1::Round present = RoundOf(phase_);
  const bool completed = effect.reason == v1::REASON_UNSPECIFIED;
  least_timer_.cancel();
  deadline_timer_.cancel();
  progress_timer_.cancel();
  view_.Apply(effect);
  services_.recorder.SessionFinished(effect.reason, present, Seconds(view_.ElapsedMs()));
  services_.uploads->DiscardSession(session_id_,
                                    StatusFor(v1::REASON_LATE, "the session has ended"));
  sum_->End();
  LogRefusals();
  if (completed) {
    spdlog::info("{}: completed, {} inputs in the sum, {:.2f} s", Label(), effect.included.size(),
                 Seconds(view_.ElapsedMs()));
  } else {
    result_.reset();
    spdlog::warn("{}: aborted, {}: {}", Label(), v1::Reason_Name(effect.reason), effect.detail);
    RefuseWithoutSeat(v1::Refused::SCOPE_SESSION, effect.reason, effect.detail);
  }
  for (const auto& [identity, connection] : connections_) leaving_.push_back(identity);
  // The owner knows before those who watch do: their next request finds the session ended.
  view_.Store();
  if (!roster_closed_) listener_.roster_closed();
  listener_.finished();
  view_.Tell();
}

// ---- Uploads ----

void SessionRuntime::OpenUpload(v1::UploadOpen open, PendingUploads::CutOff cut_off,
                                std::function<void(absl::StatusOr<UploadGrant>)> answer) {
  Post([this, open = std::move(open), cut_off = std::move(cut_off), answer = std::move(answer)] {
    const auto identity = IdentityPublicKey::Parse(crypto::AsBytes(open.identity()));
    if (!identity.ok()) {
      return answer(StatusFor(v1::REASON_MALFORMED,
                              absl::StrCat("upload.open.identity: ", identity.status().message())));
    }
    opening_ = *identity;
    Step(UploadOpened{*identity, open});
    opening_.reset();
    const std::optional<Reply> reply = std::exchange(opening_reply_, std::nullopt);
    if (!reply.has_value()) {
      return answer(StatusFor(v1::REASON_INTERNAL, "the upload was not answered"));
    }
    if (absl::Status refused = StatusOf(*reply); !refused.ok()) return answer(refused);
    UploadGrant grant;
    if (reply->upload_digest.has_value()) {
      grant.receipt.set_digest(crypto::ToString(*reply->upload_digest));
      grant.receipt.set_durability(v1::DURABILITY_IN_MEMORY);
      return answer(std::move(grant));
    }
    auto writer = services_.uploads->Open({session_id_, *identity}, open.total_bytes(), cut_off);
    if (!writer.ok()) return answer(writer.status());
    grant.writer = *std::move(writer);
    answer(std::move(grant));
  });
}

void SessionRuntime::CloseUpload(const IdentityPublicKey& identity, const Digest& digest,
                                 v1::UploadClose close,
                                 std::function<void(absl::StatusOr<v1::UploadReceipt>)> answer) {
  const auto last_byte = std::chrono::steady_clock::now();
  Post([this, identity, digest, close = std::move(close), answer = std::move(answer), last_byte] {
    waiting_for_receipt_[identity].push_back({last_byte, answer});
    completing_ = identity;
    Step(UploadCompleted{identity, digest, close});
    completing_.reset();
  });
}

void SessionRuntime::AnswerUpload(const Reply& reply) {
  const auto found = waiting_for_receipt_.find(reply.to);
  if (found == waiting_for_receipt_.end()) return;
  std::deque<WaitingForReceipt>& waiting = found->second;
  const bool newest = completing_ == reply.to;
  const WaitingForReceipt one = newest ? std::move(waiting.back()) : std::move(waiting.front());
  newest ? waiting.pop_back() : waiting.pop_front();
  if (waiting.empty()) waiting_for_receipt_.erase(found);

  if (absl::Status refused = StatusOf(reply); !refused.ok()) return one.answer(refused);
  v1::UploadReceipt receipt;
  if (reply.upload_digest.has_value()) receipt.set_digest(crypto::ToString(*reply.upload_digest));
  receipt.set_durability(v1::DURABILITY_IN_MEMORY);
  services_.recorder.UploadReceipt(
      std::chrono::duration<double>(std::chrono::steady_clock::now() - one.last_byte).count());
  one.answer(std::move(receipt));
}

}  // namespace veilsum::aggregator
