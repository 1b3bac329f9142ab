// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/upload_answers.h"

#include <optional>
#include <utility>

namespace veilsum::aggregator {
namespace {

template <class One>
std::optional<One> TakeOldest(std::map<IdentityPublicKey, std::deque<One>>& queues,
                              const IdentityPublicKey& of) {
  const auto found = queues.find(of);
  if (found == queues.end()) return std::nullopt;
  One oldest = std::move(found->second.front());
  found->second.pop_front();
  if (found->second.empty()) queues.erase(found);
  return oldest;
}

}  // namespace

void UploadAnswers::AwaitOpened(const IdentityPublicKey& from, Waiting waiting) {
  opened_[from].push_back(std::move(waiting));
  ++opening_;
}

void UploadAnswers::AwaitCompleted(const IdentityPublicKey& from, const Digest& digest,
                                   Waiting waiting) {
  completed_[from].push_back({digest, std::move(waiting)});
}

Digest UploadAnswers::BeginFold(const IdentityPublicKey& from) {
  std::optional<Completion> completion = TakeOldest(completed_, from);
  if (!completion.has_value()) return {};
  folding_[from].push_back(std::move(completion->waiting));
  return completion->digest;
}

void UploadAnswers::Answer(const Reply& reply) {
  const bool duplicate = reply.result == MessageResult::kDuplicate;
  const auto folding = folding_.find(reply.to);
  const bool of_fold = folding != folding_.end() && reply.answers == Answers::kUploadCompleted &&
                       !duplicate && reply.result != MessageResult::kConflict;
  if (of_fold) {
    const Folding answered = std::move(folding->second);
    folding_.erase(folding);
    for (const Waiting& waiting : answered) waiting.answer(reply);
    return;
  }
  std::optional<Waiting> waiting;
  if (reply.answers == Answers::kUploadOpened) {
    waiting = TakeOldest(opened_, reply.to);
    if (waiting.has_value()) --opening_;
  } else if (auto completion = TakeOldest(completed_, reply.to)) {
    waiting = std::move(completion->waiting);
  }
  if (!waiting.has_value()) return;
  if (duplicate && folding != folding_.end()) {
    folding->second.push_back(*std::move(waiting));
  } else {
    waiting->answer(reply);
  }
}

void UploadAnswers::RefuseAll(const absl::Status& why) {
  for (auto& [identity, queue] : std::exchange(opened_, {})) {
    for (const Waiting& waiting : queue) waiting.refuse(why);
  }
  opening_ = 0;
  for (auto& [identity, queue] : std::exchange(completed_, {})) {
    for (const Completion& completion : queue) completion.waiting.refuse(why);
  }
  for (auto& [identity, folding] : std::exchange(folding_, {})) {
    for (const Waiting& waiting : folding) waiting.refuse(why);
  }
}

}  // namespace veilsum::aggregator
