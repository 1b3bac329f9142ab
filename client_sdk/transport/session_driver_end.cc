// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// How long a SessionDriver waits, and how it ends.

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "client_sdk/transport/session_driver.h"
#include "proto/reason_status.h"

namespace veilsum::client {
namespace {

absl::Duration SumOf(const v1::PhaseDeadlines& deadlines) {
  return absl::Milliseconds(deadlines.advertise_keys_ms()) +
         absl::Milliseconds(deadlines.share_keys_ms()) +
         absl::Milliseconds(deadlines.masked_input_ms()) +
         absl::Milliseconds(deadlines.consistency_check_ms()) +
         absl::Milliseconds(deadlines.unmasking_ms());
}

// How the operator is told. The caller gets the whole status; it may name its weight, its vector or
// its directories.
CancelRequested WithdrawalFor(const absl::Status& status) {
  const v1::Reason reason = ReasonOf(status);
  switch (reason) {
    case v1::REASON_UNSPECIFIED:
    case v1::REASON_CANCELLED:
      return {};
    case v1::REASON_BUDGET_SPENT:
      return {reason, std::string(status.message())};
    case v1::REASON_STATE_REFUSED:
      return {reason, "the client's saved state does not allow it to go on"};
    case v1::REASON_INVALID_ARGUMENT:
      return {reason, "the caller's update does not fit the session"};
    default:
      return {reason, "the client gave up"};
  }
}

// Says what the reason means here, whoever reported it.
absl::Status Explain(absl::Status status, bool receipt_is_durable) {
  switch (ReasonOf(status)) {
    case v1::REASON_DISPLACED:
      return MakeError(absl::StatusCode::kAborted, v1::REASON_DISPLACED,
                       "another client with the same identity has connected, and this one is out "
                       "of the session; run one client for each identity");
    case v1::REASON_UNKNOWN_SESSION:
      return MakeError(
          absl::StatusCode::kAborted, v1::REASON_UNKNOWN_SESSION,
          absl::StrCat(receipt_is_durable
                           ? "the aggregator lost the session after it had confirmed that this "
                             "client's input is on its disk: its data directory was lost, damaged "
                             "or replaced by another"
                           : "the aggregator does not know the session any more: it ended long "
                             "ago, or was lost when the aggregator started again",
                       " (", status.message(), ")"));
    default:
      return status;
  }
}

}  // namespace

void SessionDriver::ArmTimeout() {
  if (options_.timeout == absl::InfiniteDuration()) return;
  timeout_timer_.expires_after(absl::ToChronoNanoseconds(options_.timeout));
  timeout_timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (error) return;
    self->GiveUp(absl::DeadlineExceededError(absl::StrCat(
        "no result within the timeout of ", absl::FormatDuration(self->options_.timeout),
        self->last_trouble_.ok() ? "" : "; last trouble: ", self->last_trouble_.message())));
  });
}

absl::Duration SessionDriver::LongestSession() const {
  return SumOf(protocol_.header().deadlines()) + options_.session_slack;
}

void SessionDriver::ArmSessionTimer(absl::Duration delay, bool last) {
  session_timer_.expires_after(absl::ToChronoNanoseconds(delay));
  session_timer_.async_wait([self = shared_from_this(), last](const asio::error_code& error) {
    if (error || self->outcome_.has_value()) return;
    const bool connected = self->link_->established();
    // As long as the aggregator is there, it should say itself when the session is over.
    if (connected && !last) {
      return self->ArmSessionTimer(SumOf(self->protocol_.header().deadlines()), true);
    }
    self->GiveUp(absl::UnavailableError(
        connected ? "the aggregator is connected, but did not end the session within twice its "
                    "deadlines"
                  : absl::StrCat("the aggregator was gone until after the session's deadlines: ",
                                 self->last_trouble_.message())));
  });
}

void SessionDriver::Report(RunnerProgress::Stage stage, uint64_t done, uint64_t total,
                           std::string detail) {
  if (options_.on_progress == nullptr || outcome_.has_value()) return;
  options_.on_progress({stage, done, total, std::move(detail)});
}

void SessionDriver::GiveUp(absl::Status status) {
  if (outcome_.has_value()) return;
  effects_.clear();  // What has not left yet never will.
  if (!protocol_.finished()) {
    for (Effect& effect : protocol_.Step(WithdrawalFor(status))) {
      if (auto* send = std::get_if<Send>(&effect)) Carry(std::move(*send));
    }
  }
  Settle(std::move(status), true);
}

void SessionDriver::JudgeEnd(const absl::Status& status) {
  const v1::Reason reason = ReasonOf(status);
  session_was_over_ =
      resumes_ && (reason == v1::REASON_UNKNOWN_SESSION || reason == v1::REASON_CONFLICT ||
                   first_word_ == FirstWord::kIsOver);
}

void SessionDriver::Settle(absl::StatusOr<RunnerResult> outcome, bool politely) {
  if (outcome_.has_value()) return;
  if (!outcome.ok()) {
    JudgeEnd(outcome.status());
    outcome = Explain(outcome.status(), receipt_is_durable_);
  }
  if (!record_->read_error().ok()) outcome = record_->read_error();
  outcome_ = std::move(outcome);
  erase_ = politely;
  effects_.clear();
  timeout_timer_.cancel();
  session_timer_.cancel();
  resend_timer_.cancel();
  if (uploader_ != nullptr) uploader_->Stop();
  if (downloader_ != nullptr) downloader_->Stop();
  if (link_ != nullptr) {
    link_->Close(politely);
  } else {
    CompleteIfIdle();
  }
}

void SessionDriver::CompleteIfIdle() {
  if (!outcome_.has_value() || link_ != nullptr || uploader_ != nullptr || downloader_ != nullptr ||
      tasks_on_pool_ > 0 || done_ == nullptr) {
    return;
  }
  if (std::exchange(erase_, false)) {
    return OnPool([record = record_] { return record->End(); },
                  [this](absl::Status ended) {
                    if (!ended.ok() && outcome_->ok()) outcome_ = std::move(ended);
                    CompleteIfIdle();
                  });
  }
  // Whoever is told may want the directory back.
  record_->Close();
  // Not from below the objects that die with this one.
  asio::post(strand_, [self = std::move(self_), done = std::exchange(done_, nullptr)] {
    done(*std::move(self->outcome_));
  });
}

}  // namespace veilsum::client
