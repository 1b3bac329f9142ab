// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Random conversations, broken off anywhere and gone on with from what was stored. What must hold:
//   1. The restored session says the same as the one that lived on, whatever is said to it.
//   2. Its history is what the other one did.
//   3. A stored operation that is missing, in another's place or damaged is noticed, or changes
//      nothing; above all it never makes another set of survivors.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "aggregator/protocol/random_conversation_testing.h"
#include "crypto/primitives/transcript_hash.h"
#include "gtest/gtest.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

constexpr uint32_t kClients = RandomConversation::kClients;

std::string Hex(crypto::ByteSpan bytes) {
  return absl::BytesToHexString(crypto::AsStringView(bytes));
}

std::string TextOf(const Operation& operation) {
  if (const auto* put = std::get_if<PutMessage>(&operation)) {
    return absl::StrCat("put ", static_cast<int>(put->phase), Hex(put->from.bytes()),
                        Hex(put->digest), absl::BytesToHexString(put->bytes));
  }
  if (const auto* drop = std::get_if<DropClient>(&operation)) {
    return absl::StrCat("drop ", static_cast<int>(drop->phase), Hex(drop->who.bytes()),
                        drop->reason, drop->detail, drop->refusal_reason, drop->refusal_detail);
  }
  if (const auto* close = std::get_if<ClosePhase>(&operation)) {
    return absl::StrCat("close ", static_cast<int>(close->phase), " ", close->answered);
  }
  if (const auto* freeze = std::get_if<FreezeSurvivors>(&operation)) {
    return absl::StrCat("freeze ", absl::BytesToHexString(freeze->survivors),
                        freeze->survivor_root.has_value() ? Hex(*freeze->survivor_root) : "");
  }
  const auto& finish = std::get<FinishSession>(operation);
  return absl::StrCat("finish ", finish.reason, finish.detail, Hex(finish.result_digest),
                      finish.result_bytes,
                      finish.blamed.has_value() ? Hex(finish.blamed->bytes()) : "");
}

std::string TextOf(const UnmaskPlan& plan) {
  std::string text =
      absl::StrCat("unmask ", plan.threshold, " ", plan.answers, Hex(plan.transcript));
  const auto add = [&](uint32_t position, const std::vector<crypto::Share>& shares) {
    absl::StrAppend(&text, " ", position, ":");
    for (const crypto::Share& share : shares) {
      absl::StrAppend(&text, Hex(ExposeSecret(share.Serialize())), ",");
    }
  };
  for (const SelfMaskTask& task : plan.self_masks) add(task.position, task.shares);
  for (const DropoutTask& task : plan.dropouts) add(task.position, task.shares);
  return text;
}

std::string TextOf(const Effect& effect) {
  std::string text = absl::StrCat(effect.index(), " ");
  if (const auto* reply = std::get_if<Reply>(&effect)) {
    absl::StrAppend(&text, Hex(reply->to.bytes()), static_cast<int>(reply->phase), " ",
                    static_cast<int>(reply->result), " ", reply->reason, reply->detail,
                    reply->dropped, static_cast<int>(reply->answers),
                    reply->upload_digest.has_value() ? Hex(*reply->upload_digest) : "");
  } else if (const auto* send = std::get_if<Send>(&effect)) {
    absl::StrAppend(&text, Hex(send->to.bytes()), send->Message()->ShortDebugString());
  } else if (const auto* started = std::get_if<PhaseStarted>(&effect)) {
    absl::StrAppend(&text, static_cast<int>(started->phase), " ", started->expected);
  } else if (const auto* closed = std::get_if<PhaseClosed>(&effect)) {
    absl::StrAppend(&text, static_cast<int>(closed->phase), " ", closed->answered);
  } else if (const auto* progress = std::get_if<Progress>(&effect)) {
    absl::StrAppend(&text, static_cast<int>(progress->phase), " ", progress->answered, " ",
                    progress->expected);
  } else if (const auto* dropped = std::get_if<ClientDropped>(&effect)) {
    absl::StrAppend(&text, Hex(dropped->who.bytes()), static_cast<int>(dropped->phase), " ",
                    dropped->reason, dropped->detail, dropped->keeps_seat);
  } else if (const auto* refused = std::get_if<ClientRefused>(&effect)) {
    absl::StrAppend(&text, Hex(refused->who.bytes()), refused->reason, refused->detail);
  } else if (const auto* fold = std::get_if<Fold>(&effect)) {
    absl::StrAppend(&text, Hex(fold->from.bytes()));
  } else if (const auto* discard = std::get_if<DiscardUpload>(&effect)) {
    absl::StrAppend(&text, Hex(discard->from.bytes()));
  } else if (const auto* persist = std::get_if<Persist>(&effect)) {
    for (const Operation& operation : persist->operations) {
      absl::StrAppend(&text, TextOf(operation), "; ");
    }
  } else if (const auto* unmask = std::get_if<Unmask>(&effect)) {
    absl::StrAppend(&text, TextOf(*unmask->plan));
  } else if (const auto* finished = std::get_if<Finished>(&effect)) {
    absl::StrAppend(&text, finished->reason, finished->detail, finished->included.size());
  }
  return text;
}

std::string TextOf(const Effects& effects) {
  return absl::StrJoin(effects, "\n", [](std::string* out, const Effect& effect) {
    absl::StrAppend(out, TextOf(effect));
  });
}

// The effects that say how far a session is, without how many answered meanwhile, and without those
// who looked at the offer and left: they are not stored.
void AddHistory(const Effects& effects, std::vector<std::string>& history) {
  for (const Effect& effect : effects) {
    const auto* refused = std::get_if<ClientRefused>(&effect);
    if (refused != nullptr && !refused->had_seat) continue;
    if (std::holds_alternative<PhaseStarted>(effect) ||
        std::holds_alternative<PhaseClosed>(effect) ||
        std::holds_alternative<ClientDropped>(effect) ||
        std::holds_alternative<ClientRefused>(effect) || std::holds_alternative<Finished>(effect)) {
      history.push_back(TextOf(effect));
    }
  }
}

// A conversation, and all that is stored of it.
class StoredConversation {
 public:
  StoredConversation(const v1::SessionHeader& header, uint32_t seed)
      : conversation_(header, seed), random_(seed + 1) {
    AddHistory(conversation_.talk().effects, history_);
    conversation_.on_step = [this](const Event& event, const Effects& effects) {
      Note(event, effects);
      if (on_step) on_step(event, effects);
    };
  }

  void Run() { conversation_.Run(); }

  Conversation& talk() { return conversation_.talk(); }
  const std::vector<Operation>& operations() const { return operations_; }
  // How many there were after each step that added some.
  const std::vector<size_t>& ends() const { return ends_; }
  const std::vector<CountedUpload>& counted() const { return counted_; }
  const std::vector<std::string>& history() const { return history_; }
  uint32_t Below(uint32_t bound) { return random_() % bound; }

  // Asks nobody for leave.
  absl::StatusOr<SessionProtocol::Restored> Restore(absl::Span<const Operation> operations,
                                                    absl::Span<const CountedUpload> counted) {
    const auto admits = std::exchange(talk().admits, [](const auto&) { return false; });
    const auto enrolment = std::exchange(
        talk().enrolment, [](const auto&, auto) { return absl::InternalError("nobody"); });
    auto restored = SessionProtocol::Restore(talk().Options(), operations, counted);
    talk().admits = admits;
    talk().enrolment = enrolment;
    return restored;
  }

  // What a process that begins again is told of what it had only in memory: nothing is folding.
  bool IsSettled() { return folding_ == 0 && !talk().protocol().closing_uploads(); }
  void BringUpToDate(SessionProtocol& restored) {
    for (const Event& event : unstored_) restored.Step(event);
  }

  std::function<void(const Event&, const Effects&)> on_step;

 private:
  void Note(const Event& event, const Effects& effects) {
    AddHistory(effects, history_);
    if (const auto* completed = std::get_if<UploadCompleted>(&event)) {
      uploads_.insert_or_assign(completed->from, completed->digest);
    }
    if (std::holds_alternative<LeastTimePassed>(event) ||
        std::holds_alternative<UploadOpened>(event)) {
      unstored_.push_back(event);
    }
    if (const auto* folded = std::get_if<FoldFinished>(&event)) {
      --folding_;
      if (folded->status.ok() && WasCounted(effects)) {
        counted_.push_back({folded->from, uploads_.at(folded->from)});
      }
    }
    for (const Effect& effect : effects) {
      if (std::holds_alternative<Fold>(effect)) ++folding_;
      if (std::holds_alternative<PhaseStarted>(effect)) unstored_.clear();
      if (const auto* persist = std::get_if<Persist>(&effect)) {
        operations_.insert(operations_.end(), persist->operations.begin(),
                           persist->operations.end());
      }
    }
    const size_t before = ends_.empty() ? 0 : ends_.back();
    if (operations_.size() > before) ends_.push_back(operations_.size());
  }
  static bool WasCounted(const Effects& effects) {
    for (const Effect& effect : effects) {
      const auto* reply = std::get_if<Reply>(&effect);
      if (reply != nullptr && reply->upload_digest.has_value()) return true;
    }
    return false;
  }

  RandomConversation conversation_;
  std::mt19937 random_;
  std::vector<Operation> operations_;
  std::vector<size_t> ends_;
  std::vector<CountedUpload> counted_;
  std::vector<std::string> history_;
  std::vector<Event> unstored_;  // Of the present phase.
  std::map<IdentityPublicKey, Digest> uploads_;
  int folding_ = 0;
};

// ---- 1 and 2 ----

std::vector<std::string> Saying(Conversation& talk, SessionProtocol& protocol) {
  std::vector<std::string> said;
  for (uint32_t i = 0; i < kClients; ++i) {
    for (int last = v1::OUTCOME_NONE; last <= v1::OUTCOME_RESULT; ++last) {
      said.push_back(TextOf(
          protocol.Step(ClientResumed{talk.client(i).id(), static_cast<v1::Outcome>(last)})));
    }
  }
  return said;
}

// What a store keeps of a session that has ended, without shares and checkpoint, is enough for all
// that its clients may still want.
void ExpectSameWhenErased(StoredConversation& living) {
  std::vector<Operation> kept = living.operations();
  for (Operation& operation : kept) {
    auto* put = std::get_if<PutMessage>(&operation);
    if (put == nullptr) continue;
    if (put->phase == Phase::kShareKeys || put->phase == Phase::kUnmasking) put->bytes.clear();
  }
  auto erased = living.Restore(kept, {});
  ASSERT_TRUE(erased.ok()) << erased.status();
  std::vector<std::string> history;
  AddHistory(erased->history, history);
  EXPECT_EQ(history, living.history());
  EXPECT_EQ(Saying(living.talk(), erased->protocol),
            Saying(living.talk(), living.talk().protocol()));
}

void ExpectSameAfterRestores(const v1::SessionHeader& header, uint32_t seed) {
  StoredConversation living(header, seed);
  std::optional<SessionProtocol> restored;
  living.on_step = [&](const Event& event, const Effects& effects) {
    if (restored.has_value()) {
      ASSERT_EQ(TextOf(restored->Step(event)), TextOf(effects)) << "event " << event.index();
    }
    if (living.Below(6) != 0) return;
    auto again = living.Restore(living.operations(), living.counted());
    ASSERT_TRUE(again.ok()) << again.status();
    if (!living.IsSettled()) {
      restored.reset();
      return;
    }
    std::vector<std::string> history;
    AddHistory(again->history, history);
    EXPECT_EQ(history, living.history());
    if (again->protocol.finished()) ExpectSameWhenErased(living);
    living.BringUpToDate(again->protocol);
    restored.emplace(std::move(again->protocol));
  };
  living.Run();
}

TEST(RestoreTest, GoesOnAsIfNothingHadHappened) {
  for (uint32_t seed = 0; seed < 30 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    ExpectSameAfterRestores(TestHeader(kClients), seed);
  }
}

TEST(RestoreTest, GoesOnAsIfNothingHadHappenedInTheMaliciousTier) {
  for (uint32_t seed = 0; seed < 30 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    ExpectSameAfterRestores(MaliciousHeader(kClients), seed);
  }
}

// ---- 3 ----

// What clients that come back are told of the survivors and the result.
std::set<std::string> OutcomeOf(Conversation& talk, SessionProtocol& protocol) {
  std::set<std::string> outcome;
  for (uint32_t i = 0; i < kClients; ++i) {
    for (const Effect& effect : protocol.Step(ClientResumed{talk.client(i).id()})) {
      const auto* send = std::get_if<Send>(&effect);
      if (send == nullptr) continue;
      const auto message = send->Message();
      if (message->has_survivors() || message->has_result()) {
        outcome.insert(message->ShortDebugString());
      }
    }
  }
  return outcome;
}

// A message is counted where its phase closes, if its client stayed until then.
bool IsCounted(const std::vector<Operation>& operations, size_t index) {
  const auto* put = std::get_if<PutMessage>(&operations[index]);
  if (put == nullptr) return false;
  for (size_t i = index; i < operations.size(); ++i) {
    const auto* drop = std::get_if<DropClient>(&operations[i]);
    if (drop != nullptr && drop->who == put->from) return false;
    const auto* close = std::get_if<ClosePhase>(&operations[i]);
    if (close != nullptr && close->phase == put->phase) return true;
  }
  return false;
}

void FlipByte(std::string& bytes, uint32_t choice) {
  if (!bytes.empty()) bytes[choice % bytes.size()] ^= 1 << (choice % 8);
}

// True: whatever hangs on it is signed or counted, so that it must be noticed.
bool Damage(Operation& operation, uint32_t choice, bool erased) {
  if (auto* put = std::get_if<PutMessage>(&operation)) {
    const bool may_be_erased = put->phase == Phase::kShareKeys || put->phase == Phase::kUnmasking;
    if (choice % 4 == 0) {
      put->digest[choice % 32] ^= 0x10;
      return !erased || !may_be_erased;
    }
    FlipByte(put->bytes, choice);
    return !erased || !may_be_erased;
  }
  if (auto* drop = std::get_if<DropClient>(&operation)) {
    FlipByte(drop->detail, choice);
    return false;
  }
  if (auto* close = std::get_if<ClosePhase>(&operation)) {
    close->answered ^= 1u << (choice % 32);
    return true;
  }
  if (auto* freeze = std::get_if<FreezeSurvivors>(&operation)) {
    if (choice % 2 == 0 && freeze->survivor_root.has_value()) {
      (*freeze->survivor_root)[choice % 32] ^= 1;
    } else {
      FlipByte(freeze->survivors, choice);
    }
    return true;
  }
  std::get<FinishSession>(operation).result_bytes ^= 1;
  return false;
}

void ExpectDamageNoticed(const v1::SessionHeader& header, uint32_t seed) {
  StoredConversation living(header, seed);
  living.Run();
  const std::vector<Operation>& all = living.operations();
  // Whole, or broken off after a step.
  const std::vector<size_t>& ends = living.ends();
  const size_t size =
      living.Below(2) == 0 ? all.size() : ends[living.Below(static_cast<uint32_t>(ends.size()))];
  const std::vector<Operation> stored(all.begin(), all.begin() + size);
  const bool ended = std::holds_alternative<FinishSession>(stored.back());
  bool collects = false;
  bool frozen = false;
  for (const Operation& operation : stored) {
    const auto* close = std::get_if<ClosePhase>(&operation);
    collects |= close != nullptr && close->phase == Phase::kShareKeys;
    frozen |= std::holds_alternative<FreezeSurvivors>(operation);
  }
  const std::vector<CountedUpload> counted =
      collects ? living.counted() : std::vector<CountedUpload>();
  auto honest = living.Restore(stored, counted);
  ASSERT_TRUE(honest.ok()) << honest.status();
  const std::set<std::string> outcome = OutcomeOf(living.talk(), honest->protocol);

  const auto expect = [&](const std::vector<Operation>& operations, bool noticed) {
    auto restored = living.Restore(operations, counted);
    if (!restored.ok()) {
      EXPECT_EQ(restored.status().code(), absl::StatusCode::kDataLoss);
      EXPECT_EQ(ReasonOf(restored.status()), v1::REASON_STORAGE_FAILED);
      return;
    }
    EXPECT_FALSE(noticed);
    // Without its last operations it is the session of a moment before.
    const std::set<std::string> now = OutcomeOf(living.talk(), restored->protocol);
    if (frozen && !now.empty() && !ended) {
      EXPECT_EQ(now, outcome);
    }
  };
  for (size_t i = 0; i < stored.size(); ++i) {
    SCOPED_TRACE(absl::StrCat("operation ", i, ": ", TextOf(stored[i])));
    std::vector<Operation> damaged = stored;
    damaged.erase(damaged.begin() + static_cast<ptrdiff_t>(i));
    expect(damaged, IsCounted(stored, i));
    if (i + 1 < stored.size()) {
      damaged = stored;
      std::swap(damaged[i], damaged[i + 1]);
      expect(damaged, false);
    }
    damaged = stored;
    const bool noticed = Damage(damaged[i], living.Below(1u << 20), ended);
    expect(damaged, noticed);
    damaged = stored;
    damaged.insert(damaged.begin() + static_cast<ptrdiff_t>(i), stored[i]);
    expect(damaged, true);
  }
}

TEST(RestoreTest, NoticesDamage) {
  for (uint32_t seed = 0; seed < 20 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    ExpectDamageNoticed(TestHeader(kClients), seed);
  }
}

TEST(RestoreTest, NoticesDamageInTheMaliciousTier) {
  for (uint32_t seed = 0; seed < 20 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    ExpectDamageNoticed(MaliciousHeader(kClients), seed);
  }
}

// ---- What comes too late to matter ----

constexpr uint32_t kLast = kClients - 1;
const std::vector<bool> kAll(kClients, true);

// The last client neither signs nor answers in time.
class LateTest : public ::testing::Test {
 protected:
  LateTest() {
    talk_.ToSurvivors(kAll);
    for (uint32_t i = 0; i < kLast; ++i) talk_.SignSurvivors(i, kAll);
    talk_.Step(DeadlinePassed{Phase::kConsistencyCheck});
    for (uint32_t i = 0; i < kLast; ++i) talk_.Unmask(i, kAll);
    EXPECT_NE(talk_.Find<Unmask>(), nullptr);
  }

  Conversation talk_{MaliciousHeader(kClients)};
};

TEST_F(LateTest, IsRememberedUntilTheEnd) {
  talk_.SignSurvivors(kLast, kAll);
  EXPECT_NE(talk_.Find<Persist>(), nullptr);
  talk_.SignSurvivors(kLast, kAll);
  EXPECT_EQ(talk_.TheReply().result, MessageResult::kDuplicate);
  talk_.Unmask(kLast, kAll);
  EXPECT_NE(talk_.Find<Persist>(), nullptr);
  talk_.Unmask(kLast, kAll);
  EXPECT_EQ(talk_.TheReply().result, MessageResult::kDuplicate);
}

TEST_F(LateTest, IsNotRememberedAfterTheEnd) {
  talk_.Step(UnmaskFinished{UnmaskOutcome{crypto::Sha256({}), 2}});
  for (int round = 0; round < 2; ++round) {
    talk_.SignSurvivors(kLast, kAll);
    EXPECT_EQ(talk_.Find<Persist>(), nullptr);
    EXPECT_EQ(talk_.TheReply().result, MessageResult::kAccepted);
    talk_.Unmask(kLast, kAll);
    EXPECT_EQ(talk_.Find<Persist>(), nullptr);
    EXPECT_EQ(talk_.TheReply().result, MessageResult::kAccepted);
  }
}

TEST(RestoreTest, SaysWhichOperationDoesNotFit) {
  Conversation talk(TestHeader(3));
  talk.Advertise(0);
  const auto restored = SessionProtocol::Restore(
      talk.Options(), {PutMessage{Phase::kAdvertiseKeys, talk.client(0).id(), {}, "garbage"}}, {});
  EXPECT_EQ(restored.status().message(),
            "what is stored of the session does not fit together: operation 0, a message of "
            "AdvertiseKeys: does not parse");
}

}  // namespace
}  // namespace veilsum::aggregator
