// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/session_view.h"

#include <utility>

#include "aggregator/runtime/names.h"
#include "crypto/primitives/bytes.h"
#include "google/protobuf/util/field_mask_util.h"
#include "proto/cut_text.h"
#include "proto/limits.h"

namespace veilsum::aggregator {
namespace {

// So that the report of a session is one message, whatever its clients said.
constexpr size_t kMostDetailBytes = limits::kMaxDetailBytes / 2;

google::protobuf::FieldMask AllButClients() {
  using google::protobuf::util::FieldMaskUtil;
  google::protobuf::FieldMask clients;
  clients.add_paths("dropouts");
  clients.add_paths("included_identities");
  clients.add_paths("refusals");
  google::protobuf::FieldMask others;
  FieldMaskUtil::Subtract<v1::Session>(FieldMaskUtil::GetFieldMaskForAllFields<v1::Session>(),
                                       clients, &others);
  return others;
}

}  // namespace

// The lists are not even copied: a list of sessions asks this of each.
v1::Session WithoutClients(const v1::Session& session) {
  static const auto* const kOthers = new google::protobuf::FieldMask(AllButClients());
  v1::Session short_one;
  google::protobuf::util::FieldMaskUtil::MergeMessageTo(
      session, *kOthers, google::protobuf::util::FieldMaskUtil::MergeOptions(), &short_one);
  return short_one;
}

SessionSnapshot KeptReport(SessionSnapshot report, uint64_t& room) {
  const uint64_t bytes = report->ByteSizeLong();
  if (bytes > room) return std::make_shared<const v1::Session>(WithoutClients(*report));
  room -= bytes;
  return report;
}

SessionView::SessionView(const v1::SessionHeader& header, Clock::time_point started)
    : started_(started) {
  session_.set_session_id(header.session_id());
  session_.set_task_id(header.task_id());
  *session_.mutable_header() = header;
  Publish();
}

uint64_t SessionView::MillisecondsSince(Clock::time_point start) const {
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(Now() - start);
  return passed.count() > 0 ? static_cast<uint64_t>(passed.count()) : 0;
}

void SessionView::Apply(const PhaseStarted& effect, const SessionProtocol::Shape& shape) {
  phase_started_ = Now();
  session_.set_state(StateOf(effect.phase));
  session_.set_answered(0);
  session_.set_expected(effect.expected);
  session_.set_clients(shape.clients);
  session_.set_degree(shape.degree);
  session_.set_threshold(shape.threshold);
  changed_ = true;
}

void SessionView::Apply(const PhaseClosed& effect) {
  v1::PhaseReport& report = *session_.add_phases();
  report.set_round(RoundOf(effect.phase));
  report.set_answered(effect.answered);
  report.set_duration_ms(PhaseElapsedMs());
  session_.set_answered(effect.answered);
  changed_ = true;
}

void SessionView::Apply(const Progress& effect) {
  session_.set_answered(effect.answered);
  session_.set_expected(effect.expected);
  changed_ = true;
}

// Before the roster closes seats may be taken and left by ever new clients, each with a long
// farewell. Those make room for the dropouts whom the sum lacks.
void SessionView::Apply(const ClientDropped& effect) {
  auto& dropouts = *session_.mutable_dropouts();
  if (dropouts.size() == static_cast<int>(limits::kMaxClients)) {
    const bool makes_room = effect.phase != Phase::kAdvertiseKeys &&
                            dropouts.begin()->round() == v1::ROUND_ADVERTISE_KEYS;
    if (!makes_room) return;
    dropouts.erase(dropouts.begin());
  }
  v1::Dropout& dropout = *dropouts.Add();
  dropout.set_identity(crypto::ToString(effect.who.bytes()));
  dropout.set_round(RoundOf(effect.phase));
  dropout.set_reason(effect.reason);
  dropout.set_detail(std::string(CutText(effect.detail, kMostDetailBytes)));
  changed_ = true;
}

// Newest last; of many, the newest stay.
void SessionView::Apply(const ClientRefused& effect) {
  session_.set_refusals_total(session_.refusals_total() + 1);
  auto& refusals = *session_.mutable_refusals();
  if (refusals.size() == static_cast<int>(limits::kMaxListedRefusals)) {
    refusals.erase(refusals.begin());
  }
  v1::Refusal& refusal = *refusals.Add();
  refusal.set_identity(crypto::ToString(effect.who.bytes()));
  refusal.set_round(RoundOf(effect.phase));
  refusal.set_reason(effect.reason);
  refusal.set_detail(std::string(CutText(effect.detail, limits::kMaxDetailBytes)));
  changed_ = true;
}

void SessionView::Apply(const Finished& effect) {
  const bool completed = effect.reason == v1::REASON_UNSPECIFIED;
  session_.set_state(completed ? v1::SESSION_STATE_COMPLETED : v1::SESSION_STATE_ABORTED);
  session_.set_abort_reason(effect.reason);
  session_.set_abort_detail(effect.detail);
  if (effect.blamed.has_value()) {
    absl::StrAppend(session_.mutable_abort_detail(), " (identity ", effect.blamed->ToHex(), ")");
  }
  session_.set_included(static_cast<uint32_t>(effect.included.size()));
  for (const IdentityPublicKey& identity : effect.included) {
    session_.add_included_identities(crypto::ToString(identity.bytes()));
  }
  changed_ = true;
}

void SessionView::Apply(const UnmaskOutcome& outcome) {
  if (session_.header().audience() != v1::AUDIENCE_PARTICIPANTS) {
    session_.set_result_digest(crypto::ToString(outcome.result_digest));
  }
  session_.set_result_bytes(outcome.total_bytes);
  changed_ = true;
}

void SessionView::Store() {
  if (!changed_) return;
  changed_ = false;
  untold_ = true;
  session_.set_elapsed_ms(ElapsedMs());
  auto snapshot = std::make_shared<const v1::Session>(session_);
  const std::lock_guard<std::mutex> lock(mutex_);
  published_ = std::move(snapshot);
}

void SessionView::Tell() {
  if (!untold_) return;
  untold_ = false;
  const SessionSnapshot snapshot = published_;  // Written on this strand alone.
  std::erase_if(watchers_, [&](const SessionWatcher& watcher) { return !watcher(snapshot); });
  if (HasEnded(session_)) watchers_.clear();
}

void SessionView::Watch(SessionWatcher watcher) {
  const bool wants_more = watcher(Get());
  if (wants_more && !HasEnded(session_)) watchers_.push_back(std::move(watcher));
}

SessionSnapshot SessionView::Get() const {
  SessionSnapshot snapshot;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    snapshot = published_;
  }
  if (HasEnded(*snapshot)) return snapshot;
  auto aged = std::make_shared<v1::Session>(*snapshot);
  aged->set_elapsed_ms(ElapsedMs());
  return aged;
}

}  // namespace veilsum::aggregator
