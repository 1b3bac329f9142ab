// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/session_result.h"

#include <utility>

#include "spdlog/spdlog.h"

namespace veilsum::aggregator {

void SessionResult::Keep(PackedSum sum) {
  shared_ = std::make_shared<Shared>();
  shared_->kept = std::move(sum);
}

void SessionResult::ReadWith(Reader reader) {
  shared_ = std::make_shared<Shared>();
  shared_->reader = std::move(reader);
}

std::function<void(SessionResult::Answer)> SessionResult::Getter(Executor executor) const {
  return [shared = shared_, executor](Answer answer) { Get(shared, executor, std::move(answer)); };
}

// Many ask at once, when a session ends: it is read for all of them once.
void SessionResult::Get(const std::shared_ptr<Shared>& shared, Executor executor, Answer answer) {
  PackedSum sum = shared->kept;
  if (sum == nullptr) {
    const std::lock_guard<std::mutex> lock(shared->mutex);
    sum = shared->read.lock();
    if (sum == nullptr) {
      shared->waiting.push_back(std::move(answer));
      if (shared->waiting.size() == 1) asio::post(executor, [shared] { Read(shared); });
      return;
    }
  }
  answer(std::move(sum));
}

void SessionResult::Read(const std::shared_ptr<Shared>& shared) {
  absl::StatusOr<PackedSum> sum = absl::InternalError("nothing was read");
  absl::StatusOr<std::string> bytes = shared->reader();
  if (bytes.ok()) {
    sum = std::make_shared<const std::string>(*std::move(bytes));
  } else {
    spdlog::error("a sum cannot be read: {}", std::string(bytes.status().message()));
    sum = bytes.status();
  }
  std::vector<Answer> waiting;
  {
    const std::lock_guard<std::mutex> lock(shared->mutex);
    if (sum.ok()) shared->read = *sum;
    waiting.swap(shared->waiting);
  }
  for (const Answer& answer : waiting) answer(sum);
}

}  // namespace veilsum::aggregator
