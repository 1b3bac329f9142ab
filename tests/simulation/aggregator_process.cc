// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/aggregator_process.h"

#include <algorithm>
#include <type_traits>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "crypto/primitives/transcript_hash.h"
#include "proto/reason_status.h"
#include "tests/simulation/cast.h"

namespace veilsum::simulation {

AggregatorProcess::AggregatorProcess(const Plan& plan, Surroundings around, Wires wires)
    : plan_(plan), around_(around), wires_(std::move(wires)) {}

// ---- Life and death ----

aggregator::SessionOptions AggregatorProcess::Options() const {
  aggregator::SessionOptions options;
  options.header_bytes = HeaderOf(plan_).SerializeAsString();
  for (aggregator::ClosingRule& rule : options.closing) {
    rule.target_fraction = plan_.target_percent / 100.0;
  }
  options.admits = [clients = plan_.clients](const crypto::IdentityPublicKey& identity) {
    return ClientOf(identity) < clients;
  };
  return options;
}

void AggregatorProcess::Boot() {
  ++incarnation_;
  const v1::SessionHeader header = HeaderOf(plan_);
  accumulator_ = aggregator::Accumulator::Create(header.vector().dimension() + 1,
                                                 header.vector().modulus_bits())
                     .value();
  if (incarnation_ == 1) {
    auto created =
        aggregator::DurableSession::Create(Options(), aggregator::Durability::kCheckpoint);
    if (!created.ok()) return around_.witness.Violate(created.status().ToString());
    session_.emplace(*std::move(created));
  } else {
    Restore();
  }
  if (up()) Carry(session_->Start());
}

void AggregatorProcess::Restore() {
  restored_ = true;
  auto restored = aggregator::DurableSession::Restore(Options(), around_.store.Load());
  if (!restored.ok()) {
    return around_.witness.Violate(
        absl::StrCat("what was stored cannot be restored: ", restored.status().ToString()));
  }
  session_.emplace(*std::move(restored));
  around_.witness.History(session_->history());
  finished_ = session_->protocol().finished();
  if (!finished_) LoadAccumulator();
  if (around_.store.result().has_value()) around_.witness.Result(*around_.store.result());
}

void AggregatorProcess::LoadAccumulator() {
  uint64_t generation = around_.store.newest_checkpoint();
  for (const Store::StoredOperation& one : around_.store.operations()) {
    const auto* freeze = std::get_if<aggregator::FreezeSurvivors>(&one.operation);
    if (freeze != nullptr) generation = freeze->checkpoint;
  }
  if (generation == 0) return;
  const Store::Checkpoint* checkpoint = around_.store.checkpoint(generation);
  if (checkpoint == nullptr) {
    return around_.witness.Violate("the checkpoint of the frozen survivors is gone");
  }
  if (!accumulator_->FoldPacked(crypto::AsBytes(checkpoint->bytes)).ok()) {
    around_.witness.Violate("a checkpoint that is no accumulator");
  }
  for (const aggregator::CountedUpload& one : checkpoint->included) {
    folded_[ClientOf(one.from)] = one.digest;
  }
}

void AggregatorProcess::Kill(uint64_t after_actions, uint64_t store_choice, uint64_t down) {
  if (!up()) return;
  if (after_actions > 0) {
    dying_ = {after_actions, store_choice, down};
    return;
  }
  if (around_.witness.tracing()) around_.witness.Trace("the aggregator dies");
  around_.store.Crash(store_choice);
  session_.reset();
  accumulator_.reset();
  folded_.clear();
  connections_.clear();
  pending_.clear();
  opening_.clear();
  completed_.clear();
  folding_.clear();
  folds_under_way_ = 0;
  unheard_.clear();
  ahead_.clear();
  finished_ = false;
  dying_.reset();
  wires_.died();
  around_.clock.After(down, [this] { Boot(); });
}

void AggregatorProcess::After(uint64_t delay, std::function<void()> work) {
  around_.clock.After(delay, [this, incarnation = incarnation_, work = std::move(work)] {
    if (up() && incarnation == incarnation_) work();
  });
}

// ---- What clients do ----

// As SessionRuntime::Resume and Offer.
void AggregatorProcess::Connect(uint32_t client, uint64_t connection, Hello hello) {
  // The newest is served, by when they were opened.
  uint64_t& newest = connections_[client];
  if (newest > connection) return;
  newest = connection;
  const crypto::IdentityPublicKey& identity = IdentityOf(client).public_key();
  if (hello.resumes && session_->protocol().HasSeat(identity)) {
    return Step(aggregator::Event(aggregator::ClientResumed{identity, hello.last_outcome}));
  }
  const auto offer = session_->protocol().OfferFor(identity);
  if (offer.ok()) {
    if (hello.last_outcome < v1::OUTCOME_OFFER) wires_.tell(client, connection, *offer);
    return;
  }
  if (hello.resumes) {
    return Refuse(client, v1::Refused::SCOPE_CLIENT, ReasonOf(offer.status()),
                  offer.status().message());
  }
  v1::ServerMessage waiting;
  waiting.mutable_waiting()->set_detail(std::string(offer.status().message()));
  Tell(client, std::move(waiting));
  connections_.erase(client);
}

void AggregatorProcess::Disconnect(uint32_t client, uint64_t connection) {
  const auto found = connections_.find(client);
  if (found != connections_.end() && found->second == connection) connections_.erase(found);
}

void AggregatorProcess::Receive(uint32_t client, uint64_t connection,
                                const v1::ClientMessage& message) {
  const auto found = connections_.find(client);
  if (found == connections_.end() || found->second != connection) return;
  const crypto::IdentityPublicKey& from = IdentityOf(client).public_key();
  switch (message.message_case()) {
    case v1::ClientMessage::kAdvertiseKeys:
      return StepFrom(client, aggregator::AdvertiseKeysReceived{from, message.advertise_keys()});
    case v1::ClientMessage::kShareKeys:
      return StepFrom(client, aggregator::ShareKeysReceived{from, message.share_keys()});
    case v1::ClientMessage::kConsistencyCheck:
      return StepFrom(client,
                      aggregator::ConsistencyCheckReceived{from, message.consistency_check()});
    case v1::ClientMessage::kUnmasking:
      return StepFrom(client, aggregator::UnmaskingReceived{from, message.unmasking()});
    case v1::ClientMessage::kWithdraw:
      return StepFrom(client, aggregator::ClientWithdrew{from, message.withdraw()});
    default:
      return Refuse(client, v1::Refused::SCOPE_MESSAGE, v1::REASON_MALFORMED, "an empty message",
                    v1::ROUND_ADVERTISE_KEYS);
  }
}

void AggregatorProcess::ReceiveUpload(uint32_t client, uint64_t call,
                                      const v1::UploadRequest& request) {
  const crypto::IdentityPublicKey& from = IdentityOf(client).public_key();
  if (request.has_open()) {
    Pending& pending = pending_[client];
    if (pending.total_bytes != request.open().total_bytes()) pending.bytes.clear();
    pending.call = call;
    pending.total_bytes = request.open().total_bytes();
    opening_[client].push_back(call);
    return StepFrom(client, aggregator::UploadOpened{from, request.open()});
  }
  const auto found = pending_.find(client);
  if (found == pending_.end() || found->second.call != call) {
    return wires_.answer_upload(client, call,
                                UploadRefusal{v1::REASON_OVERLOADED, "the room was needed"});
  }
  Pending& pending = found->second;
  const v1::UploadData& data = request.data();
  if (request.has_data() && data.offset() == pending.bytes.size() &&
      data.payload().size() <= pending.total_bytes - pending.bytes.size()) {
    pending.bytes += data.payload();
    return;
  }
  if (!request.has_close() || pending.bytes.size() != pending.total_bytes) {
    pending_.erase(found);
    return wires_.answer_upload(client, call,
                                UploadRefusal{v1::REASON_BAD_UPLOAD, "parts out of place"});
  }
  completed_[client].push_back(call);
  StepFrom(client, aggregator::UploadCompleted{from, crypto::Sha256(crypto::AsBytes(pending.bytes)),
                                               request.close()});
}

absl::StatusOr<std::string> AggregatorProcess::Download() {
  if (!finished_) {
    return MakeError(absl::StatusCode::kUnavailable, v1::REASON_NOT_READY, "not yet");
  }
  if (!around_.store.result().has_value() || plan_.for_operator_only) {
    return MakeError(absl::StatusCode::kFailedPrecondition, v1::REASON_NOT_FOR_YOU, "no result");
  }
  around_.witness.Result(*around_.store.result());
  return *around_.store.result();
}

void AggregatorProcess::Abort() {
  if (up() && !finished_) {
    Step(aggregator::Event(
        aggregator::AbortRequested{v1::REASON_ABORTED_BY_OPERATOR, "the operator says so"}));
  }
}

void AggregatorProcess::StepFrom(uint32_t client, aggregator::Event event) {
  aggregator::Actions actions = session_->Step(std::move(event));
  around_.witness.Answered(actions, client);
  Carry(std::move(actions));
}

// ---- Actions ----

void AggregatorProcess::Carry(aggregator::Actions actions) {
  for (aggregator::Action& action : actions) {
    if (dying_.has_value() && dying_->after_actions-- == 0) {
      return Kill(0, dying_->store_choice, dying_->down);
    }
    std::visit([this](auto& one) { Do(one); }, action);
  }
  if (dying_.has_value()) Kill(0, dying_->store_choice, dying_->down);
}

void AggregatorProcess::Do(aggregator::Effect& effect) {
  if (auto* send = std::get_if<aggregator::Send>(&effect)) {
    *send = {send->to, send->Message()};  // Made once.
  }
  around_.witness.Effect(effect);
  std::visit([this](const auto& one) { Do(one); }, effect);
}

void AggregatorProcess::Do(aggregator::Commit& commit) {
  const auto committed = [this, batch = commit.batch] { Step(aggregator::Committed{batch}); };
  if (around_.witness.tracing()) {
    around_.witness.Trace(absl::StrCat("commit ", commit.batch, " of ", commit.operations.size()));
  }
  if (around_.sabotage == Sabotage::kReleasedEffects) {
    around_.store.Commit(std::move(commit.operations), nullptr);
    return After(0, committed);
  }
  around_.store.Commit(std::move(commit.operations), committed);
}

// As SessionSum does: the names of all that is in the accumulator, also of folds that the session
// has not heard of.
void AggregatorProcess::Do(aggregator::WriteCheckpoint& write) {
  for (const auto& [client, digest] : unheard_) {
    write.included.push_back({IdentityOf(client).public_key(), digest});
    ahead_.insert(write.generation);
  }
  around_.witness.Checkpoint(write, folded_);
  around_.store.WriteCheckpoint(
      write.generation, write.included, [this] { return accumulator_->Pack(); },
      [this, generation = write.generation](absl::Status status) {
        Step(aggregator::CheckpointWritten{generation, std::move(status)});
      });
}

void AggregatorProcess::Do(const aggregator::StartCheckpointTimer&) {
  After(plan_.checkpoint_ms * kMillisecond, [this] { Step(aggregator::CheckpointDue{}); });
}

void AggregatorProcess::Do(const aggregator::Persist&) {
  around_.witness.Violate("a Persist left the durable session");
}

void AggregatorProcess::Do(const aggregator::Send& send) {
  const uint32_t client = ClientOf(send.to);
  const auto found = connections_.find(client);
  if (found != connections_.end()) wires_.tell(client, found->second, send.message);
}

uint64_t AggregatorProcess::PhaseBegan() const {
  uint64_t began = 0;
  for (const Store::StoredOperation& one : around_.store.operations()) {
    if (std::holds_alternative<aggregator::ClosePhase>(one.operation) ||
        std::holds_alternative<aggregator::FreezeSurvivors>(one.operation)) {
      began = one.time;
    }
  }
  return began;
}

void AggregatorProcess::Do(const aggregator::PhaseStarted& started) {
  uint64_t deadline = kDeadlineMs * kMillisecond;
  uint64_t least = kLeastMs * kMillisecond;
  if (std::exchange(restored_, false)) {
    const uint64_t elapsed = around_.clock.now() - PhaseBegan();
    const uint64_t grace = std::min(kDeadlineMs, kGraceMs) * kMillisecond;
    deadline = std::max(grace, deadline - std::min(deadline, elapsed));
    least -= std::min(least, elapsed);
  }
  After(least, [this, phase = started.phase] {
    if (!finished_) Step(aggregator::Event(aggregator::LeastTimePassed{phase}));
  });
  After(deadline, [this, phase = started.phase] {
    if (!finished_) Step(aggregator::Event(aggregator::DeadlinePassed{phase}));
  });
}

void AggregatorProcess::Do(const aggregator::PhaseClosed& closed) {
  if (closed.phase == aggregator::Phase::kAdvertiseKeys) {
    RefuseWithoutSeat(v1::Refused::SCOPE_CLIENT, v1::REASON_LATE, "the roster closed");
  }
  if (closed.phase == aggregator::Phase::kMaskedInputCollection) pending_.clear();
}

void AggregatorProcess::Do(const aggregator::Unmask& unmask) {
  After(around_.random.Between(1, 20) * kMillisecond, [this, plan = unmask.plan] {
    auto unmasked = aggregator::RunUnmask(*plan, *accumulator_, aggregator::SerialFor);
    if (unmasked.ok()) return WriteResult(*std::move(unmasked));
    if (unmasked.status().code() == absl::StatusCode::kInternal) {
      around_.witness.Violate(unmasked.status().ToString());
    }
    Step(aggregator::Event(aggregator::UnmaskFinished{unmasked.status()}));
  });
}

// Durable before the session may say that it is there; while the disk is full, again and again.
void AggregatorProcess::WriteResult(aggregator::Unmasked unmasked) {
  around_.store.WriteResult(unmasked.packed_sum, [this, unmasked](const absl::Status& written) {
    if (!written.ok()) {
      return After(500 * kMillisecond, [this, unmasked] { WriteResult(unmasked); });
    }
    around_.witness.Result(unmasked.packed_sum);
    Step(aggregator::Event(aggregator::UnmaskFinished{unmasked.outcome}));
  });
}

void AggregatorProcess::Do(const aggregator::Finished& finished) {
  finished_ = true;
  pending_.clear();
  if (finished.reason == v1::REASON_UNSPECIFIED) return;
  RefuseWithoutSeat(v1::Refused::SCOPE_SESSION, finished.reason, finished.detail);
}

// ---- Uploads ----

void AggregatorProcess::Do(const aggregator::Fold& fold) {
  const uint32_t client = ClientOf(fold.from);
  std::deque<uint64_t>& completed = completed_[client];
  if (completed.empty()) return around_.witness.Violate("a fold of what was not uploaded");
  folding_[client].push_back(completed.front());
  completed.pop_front();
  const auto found = pending_.find(client);
  if (found == pending_.end() || found->second.bytes.size() != found->second.total_bytes) {
    around_.witness.Trace("the upload is gone");
    return Step(aggregator::Folded{fold.from, absl::InternalError("the upload is gone")});
  }
  ++folds_under_way_;
  After(around_.random.Between(100, 3 * kMillisecond),
        [this, client, bytes = std::move(found->second.bytes)] { FoldNow(client, bytes); });
  pending_.erase(found);
}

void AggregatorProcess::FoldNow(uint32_t client, const std::string& bytes) {
  const crypto::Digest digest = crypto::Sha256(crypto::AsBytes(bytes));
  const absl::Status status = accumulator_->FoldPacked(crypto::AsBytes(bytes));
  if (status.ok() && !folded_.emplace(client, digest).second) {
    around_.witness.Violate(absl::StrCat("I2: client ", client, " was folded twice"));
  }
  if (plan_.fold_news_ms == 0) return TellOfFold(client, status);
  if (status.ok()) unheard_.emplace(client, digest);
  After(plan_.fold_news_ms * kMillisecond, [this, client, status] { TellOfFold(client, status); });
}

void AggregatorProcess::TellOfFold(uint32_t client, const absl::Status& status) {
  --folds_under_way_;
  unheard_.erase(client);
  Step(aggregator::Folded{IdentityOf(client).public_key(), status});
}

void AggregatorProcess::Do(const aggregator::DiscardUpload& discard) {
  pending_.erase(ClientOf(discard.from));
}

void AggregatorProcess::AnswerUpload(uint32_t client, const aggregator::Reply& reply) {
  const bool opened = reply.answers == aggregator::Answers::kUploadOpened;
  const bool duplicate = reply.result == aggregator::MessageResult::kDuplicate;
  const auto folding = folding_.find(client);
  if (!opened && !duplicate && folding != folding_.end() &&
      reply.result != aggregator::MessageResult::kConflict) {
    const std::vector<uint64_t> answered = std::move(folding->second);
    folding_.erase(folding);
    for (const uint64_t call : answered) AnswerCall(client, call, reply);
    return;
  }
  std::deque<uint64_t>& waiting = opened ? opening_[client] : completed_[client];
  if (waiting.empty()) return around_.witness.Violate("an answer to an upload that nobody made");
  const uint64_t call = waiting.front();
  waiting.pop_front();
  if (duplicate && folding != folding_.end()) {
    folding->second.push_back(call);
  } else {
    AnswerCall(client, call, reply);
  }
}

void AggregatorProcess::AnswerCall(uint32_t client, uint64_t call, const aggregator::Reply& reply) {
  if (reply.result != aggregator::MessageResult::kAccepted &&
      reply.result != aggregator::MessageResult::kDuplicate) {
    return wires_.answer_upload(client, call, UploadRefusal{reply.reason, reply.detail});
  }
  v1::UploadReply answer;
  if (reply.upload_digest.has_value()) {
    around_.witness.Receipt(client, *reply.upload_digest);
    answer.mutable_receipt()->set_digest(crypto::ToString(*reply.upload_digest));
    answer.mutable_receipt()->set_durability(v1::DURABILITY_CHECKPOINT);
  } else {
    answer.mutable_proceed()->set_offset(pending_[client].bytes.size());
  }
  wires_.answer_upload(client, call, std::move(answer));
}

// ---- Answers ----

void AggregatorProcess::Do(const aggregator::Reply& reply) {
  const uint32_t client = ClientOf(reply.to);
  if (reply.answers != aggregator::Answers::kMessage) return AnswerUpload(client, reply);
  if (reply.dropped) return;  // A Send says so.
  const v1::Round round = aggregator::RoundOf(reply.phase);
  if (reply.result != aggregator::MessageResult::kAccepted &&
      reply.result != aggregator::MessageResult::kDuplicate) {
    return Refuse(client, v1::Refused::SCOPE_MESSAGE, reply.reason, reply.detail, round);
  }
  v1::ServerMessage message;
  message.mutable_accepted()->set_round(round);
  Tell(client, std::move(message));
}

void AggregatorProcess::Tell(uint32_t client, v1::ServerMessage message) {
  const auto found = connections_.find(client);
  if (found == connections_.end()) return;
  wires_.tell(client, found->second, std::make_shared<const v1::ServerMessage>(std::move(message)));
}

void AggregatorProcess::Refuse(uint32_t client, v1::Refused::Scope scope, v1::Reason reason,
                               absl::string_view detail, v1::Round round) {
  v1::ServerMessage message;
  v1::Refused& refused = *message.mutable_refused();
  refused.set_scope(scope);
  refused.set_reason(reason);
  refused.set_detail(std::string(detail));
  refused.set_round(round);
  Tell(client, std::move(message));
}

void AggregatorProcess::RefuseWithoutSeat(v1::Refused::Scope scope, v1::Reason reason,
                                          absl::string_view detail) {
  for (uint32_t client = 0; client < plan_.clients; ++client) {
    if (connections_.count(client) == 0) continue;
    if (session_->protocol().HasSeat(IdentityOf(client).public_key())) continue;
    Refuse(client, scope, reason, detail);
    connections_.erase(client);
  }
}

// ---- I10 ----

namespace {

// All that a client could hear on its return.
std::vector<std::string> WordsTo(aggregator::DurableSession& session, uint32_t clients) {
  std::vector<std::string> words;
  for (uint32_t client = 0; client < clients; ++client) {
    for (int last = v1::OUTCOME_NONE; last <= v1::OUTCOME_RESULT; ++last) {
      const aggregator::Event resumed = aggregator::ClientResumed{IdentityOf(client).public_key(),
                                                                  static_cast<v1::Outcome>(last)};
      for (aggregator::Action& action : session.Step(resumed)) {
        auto* effect = std::get_if<aggregator::Effect>(&action);
        auto* send = effect == nullptr ? nullptr : std::get_if<aggregator::Send>(effect);
        words.push_back(absl::StrCat(client, "<", last, " ",
                                     send == nullptr ? "?" : send->Message()->SerializeAsString()));
      }
    }
  }
  return words;
}

}  // namespace

bool AggregatorProcess::Compare() {
  if (!up() || !around_.store.idle() || folds_under_way_ > 0) return false;
  const aggregator::StoredLog log = around_.store.Load();
  // What was folded and is in no checkpoint yet, only the living one knows.
  if (!finished_ && log.included.size() != folded_.size()) return false;
  // What a checkpoint holds that the living one had not heard of, it counts with the next.
  if (!finished_ && ahead_.count(log.checkpoint) != 0) return false;
  auto restored = aggregator::DurableSession::Restore(Options(), log);
  if (!restored.ok()) {
    around_.witness.Violate(absl::StrCat("I10: ", restored.status().ToString()));
    return true;
  }
  restored->Start();
  const std::vector<std::string> living = WordsTo(*session_, plan_.clients);
  const std::vector<std::string> again = WordsTo(*restored, plan_.clients);
  if (living != again) {
    const size_t same = static_cast<size_t>(
        std::mismatch(living.begin(), living.end(), again.begin(), again.end()).first -
        living.begin());
    const auto word = [&](const std::vector<std::string>& words) {
      return same < words.size() ? absl::CHexEscape(words[same].substr(0, 100)) : "nothing";
    };
    around_.witness.Violate(absl::StrCat("I10: the living session says ", word(living),
                                         ", the restored one ", word(again)));
  }
  if (restored->protocol().finished() != session_->protocol().finished()) {
    around_.witness.Violate("I10: one of the living and the restored session has ended");
  }
  return true;
}

}  // namespace veilsum::simulation
