// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A client that dies and comes back on what its store remembers.

#include <atomic>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client_sdk/state/memory_session_store.h"
#include "client_sdk/state/sqlite_session_store.h"
#include "client_sdk/transport/session_testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/journal.pb.h"
#include "proto/reason_status.h"

namespace veilsum::client {
namespace {

using testing::HasSubstr;
using testing::Not;
using Moment = Point::Moment;

std::string NewDirectory() {
  static int number = 0;
  return absl::StrCat(testing::TempDir(), "/state", ++number);
}

// A client's, as after a start of its process.
std::shared_ptr<SessionStore> OpenStore(const std::string& directory) {
  auto store = SqliteSessionStore::Open(directory);
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

// Dies when it passes the point the first time.
Hooks KilledAt(Moment moment, v1::Round round) {
  Hooks hooks;
  hooks.at = [moment, round](const Point& point) {
    return point.moment == moment && point.round == round ? Fault::kDie : Fault::kNone;
  };
  return hooks;
}

RunnerOptions OptionsWith(TestSession& session, std::shared_ptr<SessionStore> store) {
  RunnerOptions options = session.Options();
  options.store = std::move(store);
  return options;
}

// As a process that starts again would: with another fresh secret.
RunnerOptions RestartedOptions(TestSession& session, std::shared_ptr<SessionStore> store) {
  RunnerOptions options = OptionsWith(session, std::move(store));
  options.session_secret = TestSecret(77);
  return options;
}

struct Death {
  Moment moment;
  v1::Round round;
};

class DeathTest : public testing::TestWithParam<Death> {};

TEST_P(DeathTest, ComesBackAndSendsTheSameBytes) {
  TestSession session;
  const std::string directory = NewDirectory();
  RunnerOptions first = OptionsWith(session, OpenStore(directory));
  first.hooks = KilledAt(GetParam().moment, GetParam().round);
  EXPECT_EQ(session.Run(std::move(first)).status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(session.withdrawn, std::nullopt);

  const auto result = session.Run(RestartedOptions(session, OpenStore(directory)));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->has_mean);
  ASSERT_EQ(session.hellos.size(), 2u);
  EXPECT_EQ(session.hellos[1].session_id(), "0123456789abcdef");
  EXPECT_EQ(session.sent, session.expected);
  ASSERT_FALSE(session.uploads.empty());
  for (const std::string& upload : session.uploads) EXPECT_EQ(upload, session.uploads[0]);

  const auto store = OpenStore(directory);
  EXPECT_FALSE((*store->Unfinished("test-task")).has_value());
  EXPECT_TRUE(*store->IsAnswered("test-task", TestModel()));
}

INSTANTIATE_TEST_SUITE_P(
    Points, DeathTest,
    testing::Values(Death{Moment::kBeforeSend, v1::ROUND_ADVERTISE_KEYS},
                    Death{Moment::kAfterSend, v1::ROUND_ADVERTISE_KEYS},
                    Death{Moment::kAccepted, v1::ROUND_ADVERTISE_KEYS},
                    Death{Moment::kBeforeSend, v1::ROUND_SHARE_KEYS},
                    Death{Moment::kAfterSend, v1::ROUND_SHARE_KEYS},
                    Death{Moment::kAccepted, v1::ROUND_SHARE_KEYS},
                    Death{Moment::kBeforeUpload, v1::ROUND_MASKED_INPUT_COLLECTION},
                    Death{Moment::kMidUpload, v1::ROUND_MASKED_INPUT_COLLECTION},
                    Death{Moment::kAfterReceipt, v1::ROUND_MASKED_INPUT_COLLECTION},
                    Death{Moment::kBeforeSend, v1::ROUND_CONSISTENCY_CHECK},
                    Death{Moment::kAfterSend, v1::ROUND_CONSISTENCY_CHECK},
                    Death{Moment::kAccepted, v1::ROUND_CONSISTENCY_CHECK},
                    Death{Moment::kBeforeSend, v1::ROUND_UNMASKING},
                    Death{Moment::kAfterSend, v1::ROUND_UNMASKING},
                    Death{Moment::kAccepted, v1::ROUND_UNMASKING}));

// Of a client that comes back after it was killed at the point.
absl::Status ComesBackTo(TestSession& session, const v1::Refused& refused, bool& was_over) {
  const auto store = std::make_shared<MemorySessionStore>();
  RunnerOptions first = OptionsWith(session, store);
  first.hooks = KilledAt(Moment::kAccepted, v1::ROUND_SHARE_KEYS);
  EXPECT_FALSE(session.Run(std::move(first)).ok());
  v1::ServerMessage message;
  *message.mutable_refused() = refused;
  session.accepted.reset();
  for (auto& [outcome, messages] : session.messages) messages = {message};
  const absl::Status status = session.Run(RestartedOptions(session, store), &was_over).status();
  EXPECT_FALSE((*store->Unfinished("test-task")).has_value());
  return status;
}

TEST(ResumeTest, SessionThatEndedMeanwhileIsCalledOver) {
  for (const auto& [scope, reason] :
       {std::pair(v1::Refused::SCOPE_MESSAGE, v1::REASON_UNKNOWN_SESSION),
        std::pair(v1::Refused::SCOPE_SESSION, v1::REASON_TOO_FEW_CLIENTS),
        std::pair(v1::Refused::SCOPE_CLIENT, v1::REASON_NO_ANSWER)}) {
    TestSession session;
    v1::Refused refused;
    refused.set_scope(scope);
    refused.set_reason(reason);
    bool was_over = false;
    EXPECT_EQ(ReasonOf(ComesBackTo(session, refused, was_over)), reason);
    EXPECT_TRUE(was_over) << v1::Reason_Name(reason);
  }
  // Somebody else speaks for this identity: a new session would not help.
  TestSession session;
  v1::Refused refused;
  refused.set_scope(v1::Refused::SCOPE_CLIENT);
  refused.set_reason(v1::REASON_DISPLACED);
  bool was_over = true;
  EXPECT_EQ(ReasonOf(ComesBackTo(session, refused, was_over)), v1::REASON_DISPLACED);
  EXPECT_FALSE(was_over);
}

TEST(ResumeTest, SessionThatEndsBeforeTheEyesOfItsClientIsNotCalledOver) {
  TestSession session;
  v1::ServerMessage refused;
  refused.mutable_refused()->set_scope(v1::Refused::SCOPE_SESSION);
  refused.mutable_refused()->set_reason(v1::REASON_TOO_FEW_CLIENTS);
  session.messages[v1::OUTCOME_SHARES] = {refused};
  bool was_over = true;
  EXPECT_FALSE(session.Run(session.Options(), &was_over).ok());
  EXPECT_FALSE(was_over);
}

TEST(ResumeTest, SessionThatIsLostAfterADurableReceiptIsAnErrorThatSaysSo) {
  for (const v1::Durability durability : {v1::DURABILITY_IN_MEMORY, v1::DURABILITY_CHECKPOINT}) {
    TestSession session;
    session.durability = durability;
    session.messages[v1::OUTCOME_SURVIVORS] = {};
    std::promise<v1::Durability> heard;
    RunnerOptions options = session.Options();
    options.hooks.receipt = [&](const v1::UploadReceipt& receipt) {
      heard.set_value(receipt.durability());
    };
    options.hooks.at = [](const Point& point) {
      return point.moment == Moment::kAfterReceipt ? Fault::kCutConnection : Fault::kNone;
    };
    std::thread after_the_receipt([&] {
      EXPECT_EQ(heard.get_future().get(), durability);
      v1::ServerMessage refused;
      refused.mutable_refused()->set_scope(v1::Refused::SCOPE_MESSAGE);
      refused.mutable_refused()->set_reason(v1::REASON_UNKNOWN_SESSION);
      session.aggregator().Greet()->Send(refused);
    });
    const absl::Status status = session.Run(std::move(options)).status();
    after_the_receipt.join();
    EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
    EXPECT_EQ(ReasonOf(status), v1::REASON_UNKNOWN_SESSION);
    const bool promised = durability == v1::DURABILITY_CHECKPOINT;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(promised ? "had confirmed" : "started again"));
  }
}

TEST(ResumeTest, SessionThatEndsWellLeavesNothingToTakeUp) {
  TestSession session;
  const auto store = std::make_shared<MemorySessionStore>();
  ASSERT_TRUE(session.Run(OptionsWith(session, store)).ok());
  EXPECT_EQ(session.sent, session.expected);
  EXPECT_FALSE((*store->Unfinished("test-task")).has_value());
}

TEST(ResumeTest, SecondSurvivorSetIsRefusedAfterARestart) {
  TestSession session;
  const auto store = std::make_shared<MemorySessionStore>();
  RunnerOptions first = OptionsWith(session, store);
  first.hooks = KilledAt(Moment::kAfterSend, v1::ROUND_CONSISTENCY_CHECK);
  EXPECT_FALSE(session.Run(std::move(first)).ok());
  // Now without client 4.
  session.messages[v1::OUTCOME_CONSISTENCY] = session.messages[v1::OUTCOME_SURVIVORS];
  session.messages[v1::OUTCOME_CONSISTENCY][0].mutable_survivors()->set_survivors("\x0f");
  session.announced = v1::OUTCOME_CONSISTENCY;
  const absl::Status status = session.Run(RestartedOptions(session, store)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(session.withdrawn.has_value());
  EXPECT_EQ(session.withdrawn->reason(), ReasonOf(status));
  EXPECT_EQ(session.sent.count(v1::ROUND_UNMASKING), 0u);
}

TEST(ResumeTest, OtherInputIsRefusedAfterARestartAndTheSessionIsOver) {
  TestSession session;
  const auto store = std::make_shared<MemorySessionStore>();
  RunnerOptions first = OptionsWith(session, store);
  first.hooks = KilledAt(Moment::kBeforeUpload, v1::ROUND_MASKED_INPUT_COLLECTION);
  EXPECT_FALSE(session.Run(std::move(first)).ok());
  const std::vector<float> other(21, -0.25f);
  RunnerOptions second = RestartedOptions(session, store);
  second.update = other;
  bool was_over = false;
  const absl::Status status = session.Run(std::move(second), &was_over).status();
  EXPECT_TRUE(was_over);
  EXPECT_EQ(ReasonOf(status), v1::REASON_CONFLICT) << status;
  ASSERT_TRUE(session.withdrawn.has_value());
  EXPECT_EQ(session.withdrawn->reason(), v1::REASON_CONFLICT);
  EXPECT_TRUE(session.uploads.empty());
  EXPECT_FALSE((*store->Unfinished("test-task")).has_value());
}

TEST(ResumeTest, AggregatorThatKnowsMoreThanTheStateMeansAnOldState) {
  TestSession session;
  const auto store = std::make_shared<MemorySessionStore>();
  RunnerOptions first = OptionsWith(session, store);
  first.hooks = KilledAt(Moment::kAfterSend, v1::ROUND_SHARE_KEYS);
  EXPECT_FALSE(session.Run(std::move(first)).ok());
  session.accepted = v1::ROUND_CONSISTENCY_CHECK;
  const absl::Status status = session.Run(RestartedOptions(session, store)).status();
  EXPECT_EQ(ReasonOf(status), v1::REASON_STATE_REFUSED);
  EXPECT_EQ(session.withdrawn->reason(), v1::REASON_STATE_REFUSED);
}

// The offer of another session of the same task and model.
void OfferAnother(TestSession& session) {
  v1::SessionHeader header;
  v1::ServerMessage& offer = session.messages[v1::OUTCOME_OFFER][0];
  ASSERT_TRUE(header.ParseFromString(offer.offer().header()));
  static char number = 'a';
  header.set_session_id(std::string(16, number++));
  offer.mutable_offer()->set_header(header.SerializeAsString());
  session.announced = v1::OUTCOME_OFFER;
  session.sent.clear();
}

TEST(ResumeTest, ModelThatWasAnsweredForIsRefusedAfterARestart) {
  TestSession session;
  const std::string directory = NewDirectory();
  ASSERT_TRUE(session.Run(OptionsWith(session, OpenStore(directory))).ok());
  OfferAnother(session);
  const absl::Status status = session.Run(RestartedOptions(session, OpenStore(directory))).status();
  EXPECT_EQ(ReasonOf(status), v1::REASON_ALREADY_ANSWERED);
  EXPECT_EQ(session.withdrawn->reason(), v1::REASON_ALREADY_ANSWERED);
  EXPECT_TRUE(session.sent.empty());
}

TEST(ResumeTest, SameSessionIsNotBegunTwice) {
  TestSession session;
  const auto store = std::make_shared<MemorySessionStore>();
  RunnerOptions first = OptionsWith(session, store);
  first.hooks = KilledAt(Moment::kAfterSend, v1::ROUND_ADVERTISE_KEYS);
  EXPECT_FALSE(session.Run(std::move(first)).ok());
  ASSERT_TRUE(store->End("test-task").ok());
  session.announced = v1::OUTCOME_OFFER;
  session.sent.clear();
  const absl::Status status = session.Run(RestartedOptions(session, store)).status();
  EXPECT_EQ(ReasonOf(status), v1::REASON_STATE_REFUSED);
  EXPECT_EQ(session.withdrawn->reason(), v1::REASON_STATE_REFUSED);
  EXPECT_TRUE(session.sent.empty());
}

TEST(ResumeTest, SessionOfAnotherModelOrIdentityIsLeft) {
  TestSession session;
  const auto store = std::make_shared<MemorySessionStore>();
  const auto die = [&](RunnerOptions options) {
    options.hooks = KilledAt(Moment::kBeforeSend, v1::ROUND_ADVERTISE_KEYS);
    EXPECT_EQ(session.Run(std::move(options)).status().code(), absl::StatusCode::kAborted);
  };
  die(OptionsWith(session, store));
  RunnerOptions other = RestartedOptions(session, store);
  other.model_hash = crypto::Digest{};
  EXPECT_EQ(ReasonOf(session.Run(std::move(other)).status()), v1::REASON_MODEL_MISMATCH);
  EXPECT_EQ(session.hellos.back().session_id(), "");

  OfferAnother(session);
  die(RestartedOptions(session, store));
  EXPECT_TRUE((*store->Unfinished("test-task")).has_value());
  other = RestartedOptions(session, store);
  other.identity = std::make_shared<const crypto::IdentityKeyPair>(TestIdentity(99));
  EXPECT_EQ(ReasonOf(session.Run(std::move(other)).status()), v1::REASON_STATE_REFUSED);
  EXPECT_EQ(session.hellos.back().session_id(), "");
}

TEST(ResumeTest, JournalThatCannotBePlayedIsAnErrorOnce) {
  TestSession session;
  const auto store = std::make_shared<MemorySessionStore>();
  const RunnerOptions options = session.Options();
  ASSERT_TRUE(store
                  ->Begin({"test-task",
                           std::string(16, 'x'),
                           crypto::ToString(options.identity->public_key().bytes()),
                           TestSecret(1),
                           {"nonsense"}},
                          absl::UnixEpoch())
                  .ok());
  EXPECT_EQ(ReasonOf(session.Run(RestartedOptions(session, store)).status()),
            v1::REASON_STATE_REFUSED);
  EXPECT_TRUE(session.hellos.empty());
  EXPECT_TRUE(session.Run(OptionsWith(session, store)).ok());
}

// Fails at the n-th write of a session, and sees what has left before each write was through.
class ScriptedStore final : public SessionStore {
 public:
  explicit ScriptedStore(int good_writes) : left_(good_writes) {}

  absl::StatusOr<std::optional<SavedSession>> Unfinished(absl::string_view task) override {
    return memory_.Unfinished(task);
  }
  absl::Status Begin(const SavedSession& session, absl::Time now) override {
    return Write(session.journal[0], [&] { return memory_.Begin(session, now); });
  }
  absl::Status Remember(absl::string_view task, absl::string_view entry,
                        const std::optional<crypto::Digest>& answered) override {
    return Write(entry, [&] { return memory_.Remember(task, entry, answered); });
  }
  absl::Status End(absl::string_view task) override {
    if (fail_end) return absl::InternalError("cannot erase");
    return memory_.End(task);
  }
  absl::StatusOr<bool> IsAnswered(absl::string_view task, const crypto::Digest& model) override {
    if (fail_reads) return absl::InternalError("cannot read");
    return memory_.IsAnswered(task, model);
  }
  absl::StatusOr<uint64_t> StartedAfter(absl::Time time) override {
    return memory_.StartedAfter(time);
  }

  // The steps that are durable, in order.
  std::vector<std::string> steps() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return steps_;
  }

  bool fail_end = false;
  bool fail_reads = false;

 private:
  absl::Status Write(absl::string_view entry, const std::function<absl::Status()>& write) {
    if (left_-- <= 0) {
      return MakeError(absl::StatusCode::kResourceExhausted, v1::REASON_STATE_REFUSED,
                       "the disk at /secret/place is full");
    }
    v1::JournalEntry parsed;
    v1::ServerMessage outcome;
    EXPECT_TRUE(parsed.ParseFromString(std::string(entry)));
    EXPECT_TRUE(outcome.ParseFromString(parsed.outcome()));
    const std::lock_guard<std::mutex> lock(mutex_);
    steps_.push_back(parsed.has_input_digest()   ? "input"
                     : outcome.has_offer()       ? "offer"
                     : outcome.has_roster()      ? "roster"
                     : outcome.has_neighbours()  ? "neighbours"
                     : outcome.has_shares()      ? "shares"
                     : outcome.has_survivors()   ? "survivors"
                     : outcome.has_consistency() ? "consistency"
                                                 : "something");
    return write();
  }

  MemorySessionStore memory_;
  std::atomic<int> left_;
  std::mutex mutex_;
  std::vector<std::string> steps_;
};

// What must be durable before a message of a round leaves.
std::vector<std::string> NeededFor(v1::Round round) {
  switch (round) {
    case v1::ROUND_ADVERTISE_KEYS:
      return {"offer"};
    case v1::ROUND_SHARE_KEYS:
      return {"offer", "roster", "neighbours"};
    case v1::ROUND_MASKED_INPUT_COLLECTION:
      return {"shares", "input"};
    case v1::ROUND_CONSISTENCY_CHECK:
      return {"survivors"};
    default:
      return {"consistency"};
  }
}

TEST(ResumeTest, NothingLeavesBeforeWhatItFollowsFromIsDurable) {
  TestSession session;
  const auto store = std::make_shared<ScriptedStore>(1000);
  RunnerOptions options = OptionsWith(session, store);
  int passed = 0;
  options.hooks.at = [&](const Point& point) {
    if (point.moment != Moment::kBeforeSend && point.moment != Moment::kBeforeUpload) {
      return Fault::kNone;
    }
    for (const std::string& step : NeededFor(point.round)) {
      EXPECT_THAT(store->steps(), testing::Contains(step)) << v1::Round_Name(point.round);
    }
    ++passed;
    return Fault::kNone;
  };
  ASSERT_TRUE(session.Run(std::move(options)).ok());
  EXPECT_EQ(passed, 5);
  EXPECT_EQ(store->steps().size(), 7u);
}

class FailingStoreTest : public testing::TestWithParam<int> {};

TEST_P(FailingStoreTest, EndsTheSessionBeforeAnythingLeaves) {
  TestSession session;
  const auto store = std::make_shared<ScriptedStore>(GetParam());
  const absl::Status status = session.Run(OptionsWith(session, store)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/secret/place"));
  const std::vector<std::string> steps = store->steps();
  EXPECT_EQ(steps.size(), static_cast<size_t>(GetParam()));
  for (const auto& [round, bytes] : session.sent) {
    for (const std::string& step : NeededFor(round)) EXPECT_THAT(steps, testing::Contains(step));
  }
  if (!session.uploads.empty()) {
    EXPECT_THAT(steps, testing::Contains("input"));
  }
  ASSERT_TRUE(session.withdrawn.has_value());
  EXPECT_EQ(session.withdrawn->reason(), v1::REASON_STATE_REFUSED);
  // Where a client keeps its state is nobody's business.
  EXPECT_THAT(session.withdrawn->detail(), Not(HasSubstr("secret")));
}

INSTANTIATE_TEST_SUITE_P(Writes, FailingStoreTest, testing::Range(0, 7));

TEST(ResumeTest, SecretThatCannotBeErasedIsAnError) {
  TestSession session;
  const auto store = std::make_shared<ScriptedStore>(1000);
  store->fail_end = true;
  EXPECT_THAT(std::string(session.Run(OptionsWith(session, store)).status().message()),
              HasSubstr("cannot erase"));
}

TEST(ResumeTest, StoreThatCannotBeReadMeansNo) {
  TestSession session;
  const auto store = std::make_shared<ScriptedStore>(1000);
  store->fail_reads = true;
  EXPECT_THAT(std::string(session.Run(OptionsWith(session, store)).status().message()),
              HasSubstr("cannot read"));
  EXPECT_TRUE(session.sent.empty());
}

TEST(ResumeTest, BudgetIsCountedByTheInjectedClock) {
  TestSession session;
  const auto store = std::make_shared<MemorySessionStore>();
  absl::Time now = absl::FromUnixSeconds(1'000'000);
  const auto run = [&] {
    RunnerOptions options = RestartedOptions(session, store);
    options.sessions_per_day = 1;
    options.now = [&now] { return now; };
    options.hooks = KilledAt(Moment::kBeforeSend, v1::ROUND_ADVERTISE_KEYS);
    const absl::Status status = session.Run(std::move(options)).status();
    EXPECT_TRUE(store->End("test-task").ok());
    OfferAnother(session);
    return ReasonOf(status);
  };
  EXPECT_EQ(run(), v1::REASON_UNSPECIFIED);
  now += absl::Hours(24) - absl::Seconds(1);
  EXPECT_EQ(run(), v1::REASON_BUDGET_SPENT);
  EXPECT_EQ(session.withdrawn->reason(), v1::REASON_BUDGET_SPENT);
  now += absl::Seconds(1);
  EXPECT_EQ(run(), v1::REASON_UNSPECIFIED);
}

// While the neighbours are being remembered, so that what follows from them comes after the end.
TEST(ResumeTest, AnAbortThatOvertakesWhatFollowsFromAMessage) {
  TestSession session;
  v1::ServerMessage refused;
  refused.mutable_refused()->set_scope(v1::Refused::SCOPE_SESSION);
  refused.mutable_refused()->set_reason(v1::REASON_TOO_FEW_CLIENTS);
  session.messages[v1::OUTCOME_ROSTER].push_back(refused);
  const auto result = session.Run(OptionsWith(session, OpenStore(NewDirectory())));
  EXPECT_EQ(result.status().code(), absl::StatusCode::kAborted) << result.status();
}

}  // namespace
}  // namespace veilsum::client
