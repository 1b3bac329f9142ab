// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/protocol/durable_session.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

const FreezeSurvivors* FindFreeze(const std::vector<Operation>& operations) {
  for (const Operation& operation : operations) {
    if (const auto* freeze = std::get_if<FreezeSurvivors>(&operation)) return freeze;
  }
  return nullptr;
}

// Of the newest checkpoint that must be there; 0: none.
uint64_t KeptGeneration(const std::vector<Operation>& operations) {
  uint64_t kept = 0;
  for (const Operation& operation : operations) {
    if (const auto* keep = std::get_if<KeepCheckpoint>(&operation)) {
      kept = std::max(kept, keep->generation);
    }
  }
  return kept;
}

// The inputs that are in the sum; none where the checkpoint went with the end of its session.
absl::StatusOr<std::vector<CountedUpload>> CountedIn(StoredLog& log) {
  if (log.checkpoint == 0 && !log.included.empty()) {
    return DamagedSession("there are inputs in a checkpoint that is not there");
  }
  const FreezeSurvivors* freeze = FindFreeze(log.operations);
  const uint64_t kept = KeptGeneration(log.operations);
  const bool is_frozen_one = freeze == nullptr || freeze->checkpoint == log.checkpoint;
  if (is_frozen_one && log.checkpoint >= kept) return std::move(log.included);
  if (std::holds_alternative<FinishSession>(log.operations.back())) {
    return std::vector<CountedUpload>();
  }
  const std::string newest =
      log.checkpoint == 0 ? "there is none" : absl::StrCat("the newest one is ", log.checkpoint);
  if (is_frozen_one) {
    return DamagedSession(absl::StrCat("receipts were given for the inputs in checkpoint ", kept,
                                       " of the sum, and ", newest));
  }
  return DamagedSession(absl::StrCat("the survivors were frozen with checkpoint ",
                                     freeze->checkpoint, " of the sum, and ", newest));
}

// All operations of a step, in order.
std::vector<Operation> TakeOperations(Effects& effects) {
  std::vector<Operation> operations;
  for (Effect& effect : effects) {
    Persist* persist = std::get_if<Persist>(&effect);
    if (persist == nullptr) continue;
    std::move(persist->operations.begin(), persist->operations.end(),
              std::back_inserter(operations));
  }
  return operations;
}

std::vector<CountedUpload>::iterator Find(std::vector<CountedUpload>& uploads,
                                          const IdentityPublicKey& from) {
  return std::find_if(uploads.begin(), uploads.end(),
                      [&](const CountedUpload& upload) { return upload.from == from; });
}

void MoveTo(std::vector<CountedUpload>& to, std::vector<CountedUpload>& from) {
  to.insert(to.end(), from.begin(), from.end());
  from.clear();
}

}  // namespace

absl::Status DamagedSession(absl::string_view text) {
  return MakeError(absl::StatusCode::kDataLoss, v1::REASON_STORAGE_FAILED, text);
}

DurableSession::DurableSession(SessionProtocol protocol, Durability durability)
    : protocol_(std::move(protocol)), durability_(durability) {}

absl::StatusOr<DurableSession> DurableSession::Create(SessionOptions options,
                                                      Durability durability) {
  options.persists = durability == Durability::kCheckpoint;
  absl::StatusOr<SessionProtocol> protocol = SessionProtocol::Create(std::move(options));
  if (!protocol.ok()) return protocol.status();
  DurableSession session(*std::move(protocol), durability);
  session.pending_ = session.protocol_.Start();
  return session;
}

absl::StatusOr<DurableSession> DurableSession::Restore(SessionOptions options, StoredLog log) {
  options.persists = true;
  absl::StatusOr<std::vector<CountedUpload>> counted = CountedIn(log);
  if (!counted.ok()) return counted.status();
  const uint64_t kept = KeptGeneration(log.operations);
  std::erase_if(log.operations, [](const Operation& operation) {
    return std::holds_alternative<KeepCheckpoint>(operation);
  });
  auto restored = SessionProtocol::Restore(std::move(options), log.operations, *counted);
  if (!restored.ok()) return restored.status();
  DurableSession session(std::move(restored->protocol), Durability::kCheckpoint);
  session.history_ = std::move(restored->history);
  session.pending_ = std::move(restored->pending);
  session.saved_ = *std::move(counted);
  session.generation_ = session.saved_generation_ = log.checkpoint;
  session.kept_generation_ = kept;
  return session;
}

Actions DurableSession::Start() {
  Actions actions;
  if (!protocol_.finished()) KeepNewestCheckpoint(actions);
  Enqueue(std::exchange(pending_, {}), actions);
  return actions;
}

// ---- Events ----

Actions DurableSession::Step(Event event) {
  Actions actions;
  if (const auto* resumed = std::get_if<ClientResumed>(&event)) ForgetWaitingSends(resumed->from);
  StepProtocol(std::move(event), actions);
  CheckpointIfUrgent(actions);
  return actions;
}

Actions DurableSession::Step(Committed committed) {
  Actions actions;
  committed_ = std::max(committed_, std::min(committed.batch, batches_));
  Release(actions);
  return actions;
}

Actions DurableSession::Step(Folded folded) {
  Actions actions;
  const auto upload = Find(folding_, folded.from);
  if (upload == folding_.end()) return actions;
  const CountedUpload counted = *upload;
  folding_.erase(upload);
  if (durability_ == Durability::kInMemory || !folded.status.ok() || protocol_.finished()) {
    StepProtocol(FoldFinished{counted.from, std::move(folded.status)}, actions);
  } else {
    folded_.push_back(counted);
  }
  CheckpointIfUrgent(actions);
  return actions;
}

Actions DurableSession::Step(CheckpointDue) {
  Actions actions;
  timer_runs_ = false;
  if (!folded_.empty() && !saving_) WriteNextCheckpoint(actions);
  return actions;
}

Actions DurableSession::Step(CheckpointWritten written) {
  Actions actions;
  if (!saving_ || written.generation != generation_) return actions;
  saving_ = false;
  failed_ = !written.status.ok();
  if (!failed_) {
    saved_generation_ = generation_;
    saved_.insert(saved_.end(), being_saved_.begin(), being_saved_.end());
    // Of a session that has ended meanwhile they were answered, and nothing is stored any more.
    if (!being_saved_.empty()) KeepNewestCheckpoint(actions);
    FinishFolds(std::exchange(being_saved_, {}), actions);
  } else {
    // In front of those that were folded since.
    MoveTo(being_saved_, folded_);
    folded_ = std::exchange(being_saved_, {});
    if (protocol_.closing_uploads()) {
      StepProtocol(AbortRequested{v1::REASON_STORAGE_FAILED,
                                  "the masked inputs could not be stored, so that the session "
                                  "cannot end with them"},
                   actions);
    }
  }
  CheckpointIfUrgent(actions);
  return actions;
}

// ---- The queue ----

void DurableSession::StepProtocol(Event event, Actions& actions) {
  std::optional<CountedUpload> upload;
  if (const auto* completed = std::get_if<UploadCompleted>(&event)) {
    upload = CountedUpload{completed->from, completed->digest};
  }
  Effects effects = protocol_.Step(std::move(event));
  for (const Effect& effect : effects) {
    if (std::holds_alternative<Fold>(effect)) folding_.push_back(*upload);
  }
  Enqueue(std::move(effects), actions);
  if (protocol_.finished()) AnswerWaitingUploads(actions);
}

// One commit for all of a step, so that what is stored always ends where a step does.
void DurableSession::Enqueue(Effects effects, Actions& actions) {
  std::vector<Operation> operations = TakeOperations(effects);
  for (Operation& operation : operations) {
    if (auto* freeze = std::get_if<FreezeSurvivors>(&operation)) {
      freeze->checkpoint = saved_generation_;
    }
  }
  const bool commits = !operations.empty();
  if (commits) actions.emplace_back(Commit{++batches_, std::move(operations)});
  bool gated = false;
  for (Effect& effect : effects) {
    if (!std::holds_alternative<Persist>(effect)) {
      waiting_.emplace_back(std::move(effect));
    } else if (commits && !std::exchange(gated, true)) {
      waiting_.emplace_back(Gate{batches_});
    }
  }
  Release(actions);
}

// They were for the connection before. On the new one they would come ahead of the outcomes that
// the client is missing; it gets all of them again, in order.
void DurableSession::ForgetWaitingSends(const IdentityPublicKey& to) {
  std::erase_if(waiting_, [&](const Waiting& one) {
    const Effect* effect = std::get_if<Effect>(&one);
    const Send* send = effect == nullptr ? nullptr : std::get_if<Send>(effect);
    return send != nullptr && send->to == to;
  });
}

void DurableSession::Release(Actions& actions) {
  while (!waiting_.empty()) {
    if (const Gate* gate = std::get_if<Gate>(&waiting_.front())) {
      if (gate->batch > committed_) return;
    } else {
      actions.emplace_back(std::move(std::get<Effect>(waiting_.front())));
    }
    waiting_.pop_front();
  }
}

// ---- Checkpoints ----

void DurableSession::KeepNewestCheckpoint(Actions& actions) {
  if (kept_generation_ >= saved_generation_) return;
  kept_generation_ = saved_generation_;
  actions.emplace_back(Commit{++batches_, {KeepCheckpoint{kept_generation_}}});
  waiting_.emplace_back(Gate{batches_});
}

void DurableSession::FinishFolds(std::vector<CountedUpload> uploads, Actions& actions) {
  for (const CountedUpload& upload : uploads) StepProtocol(FoldFinished{upload.from}, actions);
}

void DurableSession::AnswerWaitingUploads(Actions& actions) {
  // Taken out first: each of them is a step of its own.
  std::vector<CountedUpload> uploads = std::exchange(being_saved_, {});
  MoveTo(uploads, folded_);
  FinishFolds(std::move(uploads), actions);
}

void DurableSession::CheckpointIfUrgent(Actions& actions) {
  if (folded_.empty() || saving_) return;
  const bool urgent = protocol_.closing_uploads() || (protocol_.waits_for_folds() && !failed_);
  if (urgent && folding_.empty()) {
    WriteNextCheckpoint(actions);
  } else if (!std::exchange(timer_runs_, true)) {
    actions.emplace_back(StartCheckpointTimer{});
  }
}

void DurableSession::WriteNextCheckpoint(Actions& actions) {
  saving_ = true;
  being_saved_ = std::exchange(folded_, {});
  std::vector<CountedUpload> included = saved_;
  included.insert(included.end(), being_saved_.begin(), being_saved_.end());
  actions.emplace_back(WriteCheckpoint{++generation_, std::move(included)});
}

}  // namespace veilsum::aggregator
