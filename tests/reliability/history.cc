// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/reliability/history.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/reason_status.h"

namespace veilsum::reliability {

std::string Hex(const std::string& bytes) { return absl::BytesToHexString(bytes); }

void History::Same(std::optional<std::string>& first, const std::string& now, const char* what,
                   const std::string& session) {
  if (!first.has_value()) first = now;
  if (*first == now) return;
  violations_.push_back(absl::StrCat("session ", Hex(session), ": a client was told ", what, " ",
                                     Hex(*first), ", later ", Hex(now)));
}

void History::Offered(const std::string& session, int client) {
  const std::lock_guard<std::mutex> lock(mutex_);
  At(session, client);
  offered_after_.emplace(session, kills_);
}

void History::Killed() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++kills_;
}

int History::outlived_kills() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<int>(outlived_.size());
}

void History::Input(const std::string& session, int client, uint64_t weight) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ClientView& view = At(session, client);
  if (view.weight.value_or(weight) != weight) {
    violations_.push_back(
        absl::StrCat("session ", Hex(session), ": client ", client, " encoded two inputs"));
  }
  view.weight = weight;
}

void History::Receipt(const std::string& session, int client, const v1::UploadReceipt& receipt) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ClientView& view = At(session, client);
  view.receipt = true;
  if (receipt.durability() == v1::DURABILITY_CHECKPOINT) view.durable_receipt = true;
}

void History::Survivors(const std::string& session, int client, const v1::SurvivorSet& survivors) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Same(At(session, client).survivors, survivors.survivors(), "the survivors", session);
}

void History::Result(const std::string& session, int client, const v1::SessionResult& result) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::optional<std::string>& known = At(session, client).result;
  if (!known.has_value() && offered_after_[session] < kills_) outlived_.insert(session);
  Same(known, result.SerializeAsString(), "the result", session);
}

void History::Opened(const std::string& session, int client, const v1::Unmasking& message) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ClientView& view = At(session, client);
  for (const v1::RevealedShare& share : message.shares()) {
    const bool self_mask = share.has_self_mask_share();
    const auto [before, fresh] = view.opened.emplace(share.owner(), self_mask);
    if (fresh || before->second == self_mask) continue;
    violations_.push_back(absl::StrCat("session ", Hex(session), ": client ", client,
                                       " opened both shares of position ", share.owner()));
  }
}

void History::Success(const std::string& session, int client, uint32_t participants) {
  const std::lock_guard<std::mutex> lock(mutex_);
  At(session, client).participants = participants;
}

void History::Failure(const absl::Status& status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const absl::string_view reason = ReasonName(ReasonOf(status));
  ++failures_[reason.empty() ? absl::StatusCodeToString(status.code()) : std::string(reason)];
}

void History::Violation(std::string text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  violations_.push_back(std::move(text));
}

ClientViews History::views() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return views_;
}

std::vector<std::string> History::violations() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return violations_;
}

std::map<std::string, int> History::failures() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return failures_;
}

}  // namespace veilsum::reliability
