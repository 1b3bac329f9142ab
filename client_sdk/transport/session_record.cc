// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/transport/session_record.h"

#include "absl/strings/str_cat.h"
#include "proto/journal.pb.h"
#include "proto/participant.pb.h"
#include "proto/reason_status.h"
#include "proto/session.pb.h"

namespace veilsum::client {
namespace {

// The model that a journal's offer names; empty if none, or if it does not parse, which the
// protocol will say better.
std::string ModelOf(const std::vector<std::string>& journal) {
  v1::JournalEntry entry;
  v1::ServerMessage message;
  v1::SessionHeader header;
  if (journal.empty() || !entry.ParseFromString(journal.front()) ||
      !message.ParseFromString(entry.outcome()) ||
      !header.ParseFromString(message.offer().header())) {
    return "";
  }
  return header.model_hash();
}

bool CanGoOn(const SavedSession& session, const SessionRecord::Options& options) {
  if (session.identity != crypto::ToString(options.identity.bytes())) return false;
  const std::string model = ModelOf(session.journal);
  return model.empty() || !options.model_hash.has_value() ||
         model == crypto::AsStringView(*options.model_hash);
}

}  // namespace

absl::StatusOr<SessionRecord> SessionRecord::Open(Options options,
                                                  crypto::SessionSecret fresh_secret) {
  absl::StatusOr<std::optional<SavedSession>> saved = options.store->Unfinished(options.task_id);
  if (!saved.ok()) return saved.status();
  if (saved->has_value()) {
    if (CanGoOn(**saved, options)) {
      return SessionRecord(std::move(options), **std::move(saved), true);
    }
    absl::Status ended = options.store->End(options.task_id);
    if (!ended.ok()) return ended;
  }
  SavedSession session{
      options.task_id, "", crypto::ToString(options.identity.bytes()), std::move(fresh_secret), {}};
  return SessionRecord(std::move(options), std::move(session), false);
}

crypto::SessionSecret SessionRecord::TakeSecret() {
  // Begin still needs one.
  return begun_ ? std::move(session_.secret) : session_.secret.Clone();
}

bool SessionRecord::IsAnswered(const crypto::Digest& model_hash) {
  const absl::StatusOr<bool> answered = options_.store->IsAnswered(options_.task_id, model_hash);
  if (!answered.ok()) read_error_ = answered.status();
  return !answered.ok() || *answered;
}

absl::Status SessionRecord::CheckBudget(absl::Time now) {
  if (options_.sessions_per_day == 0) return absl::OkStatus();
  const absl::StatusOr<uint64_t> started = options_.store->StartedAfter(now - absl::Hours(24));
  if (!started.ok()) return started.status();
  if (*started < options_.sessions_per_day) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kFailedPrecondition, v1::REASON_BUDGET_SPENT,
      absl::StrCat("this client took part in ", *started,
                   " sessions within 24 hours, and its policy allows ", options_.sessions_per_day));
}

absl::Status SessionRecord::Begin(absl::string_view session_id, std::string entry) {
  const absl::Time now = options_.now();
  absl::Status affordable = CheckBudget(now);
  if (!affordable.ok()) return affordable;
  session_.session_id = std::string(session_id);
  session_.journal.push_back(std::move(entry));
  absl::Status begun = options_.store->Begin(session_, now);
  // Nobody here needs them any more.
  crypto::SessionSecret(std::move(session_.secret));
  session_.journal.clear();
  // After a failure other than a refusal it may still be there.
  begun_ = begun.code() != absl::StatusCode::kFailedPrecondition;
  return begun;
}

absl::Status SessionRecord::Remember(absl::string_view session_id, std::string entry,
                                     const std::optional<crypto::Digest>& answered) {
  if (!begun_) return Begin(session_id, std::move(entry));
  return options_.store->Remember(options_.task_id, entry, answered);
}

absl::Status SessionRecord::End() {
  if (!begun_) return absl::OkStatus();
  begun_ = false;
  return options_.store->End(options_.task_id);
}

}  // namespace veilsum::client
