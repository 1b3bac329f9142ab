// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/store/session_store_conformance_testing.h"

#include <atomic>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "aggregator/store/store_testing.h"
#include "gmock/gmock.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SessionStoreConformanceTest);

const Claim kFirst = {std::string(16, 'a'), 1};

// One of each, with every field set.
std::vector<Operation> OneOfEach() {
  return {Message(Phase::kAdvertiseKeys, 1, "keys"),
          DropClient{Client(2), Phase::kShareKeys, v1::REASON_BAD_SIGNATURE, "detail",
                     v1::REASON_HEADER_REFUSED, "its words"},
          ClosePhase{Phase::kShareKeys, 3},
          KeepCheckpoint{2},
          KeepCheckpoint{1ull << 40},
          FreezeSurvivors{std::string("\0\x7f", 2), crypto::Digest{9}, 3},
          FinishSession{v1::REASON_WRONG_SHARE, "why", Client(3), crypto::Digest{8}, 1ull << 40}};
}

void ExpectCode(const absl::Status& status, absl::StatusCode code) {
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_EQ(ReasonOf(status), v1::REASON_STORAGE_FAILED) << status;
}

TEST_P(SessionStoreConformanceTest, HasNothingAtFirst) {
  EXPECT_THAT(store_.Tasks().value(), IsEmpty());
  EXPECT_THAT(store_.Sessions().value(), IsEmpty());
  ExpectCode(store_.Take(kFirst.session_id).status(), absl::StatusCode::kNotFound);
  ExpectCode(Store(store_, kFirst, {}), absl::StatusCode::kNotFound);
  ExpectCode(Report(store_, kFirst, "r"), absl::StatusCode::kNotFound);
  ExpectCode(Forget(store_, kFirst), absl::StatusCode::kNotFound);
  EXPECT_TRUE(Erase(store_, kFirst.session_id).ok());
  EXPECT_TRUE(store_.healthy().ok());
}

TEST_P(SessionStoreConformanceTest, KeepsTasks) {
  ASSERT_TRUE(PutTask(store_, {"b", "1"}).ok());
  ASSERT_TRUE(PutTask(store_, {"a", std::string("\0x", 2)}).ok());
  ASSERT_TRUE(PutTask(store_, {"b", "2"}).ok());
  const std::vector<StoredTask> tasks = store_.Tasks().value();
  ASSERT_THAT(tasks, SizeIs(2));
  EXPECT_EQ(tasks[0].task_id + tasks[0].task, std::string("a\0x", 3));
  EXPECT_EQ(tasks[1].task_id + tasks[1].task, "b2");
}

TEST_P(SessionStoreConformanceTest, GivesBackWhatItTook) {
  ASSERT_TRUE(Create(store_, MakeSession('a', 5)).ok());
  std::vector<Operation> operations = OneOfEach();
  for (size_t i = 0; i < operations.size(); ++i) {
    ASSERT_TRUE(Store(store_, kFirst, {operations[i]}, static_cast<int64_t>(i)).ok());
  }
  const auto taken = store_.Take(kFirst.session_id);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->session, MakeSession('a', 5));
  EXPECT_EQ(OperationsOf(*taken), operations);
  for (size_t i = 0; i < operations.size(); ++i) {
    EXPECT_EQ(taken->operations[i].stored, At(static_cast<int64_t>(i)));
  }
}

TEST_P(SessionStoreConformanceTest, KeepsTheSimplestOfEach) {
  ASSERT_TRUE(Create(store_, MakeSession('a')).ok());
  const std::vector<Operation> operations = {
      Message(Phase::kConsistencyCheck, 1, ""),
      DropClient{Client(2), Phase::kAdvertiseKeys, v1::REASON_UNSPECIFIED, ""},
      FreezeSurvivors{"", std::nullopt, 0}, FinishSession{}};
  ASSERT_TRUE(Store(store_, kFirst, operations).ok());
  EXPECT_EQ(OperationsOf(store_.Take(kFirst.session_id).value()), operations);
}

TEST_P(SessionStoreConformanceTest, CreatesASessionOnce) {
  ASSERT_TRUE(Create(store_, MakeSession('a')).ok());
  EXPECT_TRUE(Create(store_, MakeSession('a')).ok());
  NewSession other = MakeSession('a');
  other.header += "!";
  ExpectCode(Create(store_, other), absl::StatusCode::kAlreadyExists);
  ExpectCode(Create(store_, MakeSession('a', 1)), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(store_.Take(kFirst.session_id)->session, MakeSession('a'));
  EXPECT_TRUE(Create(store_, MakeSession('a')).ok());  // Taken, but the same.
}

TEST_P(SessionStoreConformanceTest, RepeatedOperationsChangeNothing) {
  ASSERT_TRUE(Create(store_, MakeSession('a')).ok());
  const std::vector<Operation> operations = OneOfEach();
  ASSERT_TRUE(Store(store_, kFirst, operations).ok());
  EXPECT_TRUE(Store(store_, kFirst, operations, 99).ok());
  for (const Operation& operation : operations)
    EXPECT_TRUE(Store(store_, kFirst, {operation}).ok());
  const StoredSession taken = store_.Take(kFirst.session_id).value();
  EXPECT_EQ(OperationsOf(taken), operations);
  EXPECT_EQ(taken.operations[0].stored, At(1));
}

TEST_P(SessionStoreConformanceTest, RepeatedPartOfABatchIsLeftOut) {
  ASSERT_TRUE(Create(store_, MakeSession('a')).ok());
  const Operation first = Message(Phase::kShareKeys, 1, "a");
  const Operation second = Message(Phase::kShareKeys, 2, "b");
  ASSERT_TRUE(Store(store_, kFirst, {first}).ok());
  ASSERT_TRUE(Store(store_, kFirst, {second, first, second}).ok());
  EXPECT_THAT(OperationsOf(store_.Take(kFirst.session_id).value()), ElementsAre(first, second));
}

TEST_P(SessionStoreConformanceTest, OneMessageForEachClientAndPhase) {
  ASSERT_TRUE(Create(store_, MakeSession('a')).ok());
  ASSERT_TRUE(Store(store_, kFirst, {Message(Phase::kShareKeys, 1, "x")}).ok());
  ExpectCode(Store(store_, kFirst, {Message(Phase::kShareKeys, 1, "y")}),
             absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(Store(store_, kFirst, {Message(Phase::kShareKeys, 2, "y")}).ok());
  EXPECT_TRUE(Store(store_, kFirst, {Message(Phase::kUnmasking, 1, "y")}).ok());
  EXPECT_THAT(store_.Take(kFirst.session_id)->operations, SizeIs(3));
}

TEST_P(SessionStoreConformanceTest, TheDigestTellsMessagesApart) {
  ASSERT_TRUE(Create(store_, MakeSession('a')).ok());
  PutMessage message = Message(Phase::kShareKeys, 1, "x");
  ASSERT_TRUE(Store(store_, kFirst, {message}).ok());
  message.bytes = "another encoding";
  EXPECT_TRUE(Store(store_, kFirst, {message}).ok());
  EXPECT_EQ(std::get<PutMessage>(OperationsOf(*store_.Take(kFirst.session_id))[0]).bytes, "x");
}

TEST_P(SessionStoreConformanceTest, SurvivorsAndEndAreOnceForAll) {
  ASSERT_TRUE(Create(store_, MakeSession('a')).ok());
  const FreezeSurvivors freeze{"\x03", crypto::Digest{1}, 2};
  ASSERT_TRUE(Store(store_, kFirst, {freeze}).ok());
  FreezeSurvivors other = freeze;
  other.checkpoint = 3;
  ExpectCode(Store(store_, kFirst, {other}), absl::StatusCode::kAlreadyExists);
  other = freeze;
  other.survivor_root.reset();
  ExpectCode(Store(store_, kFirst, {other}), absl::StatusCode::kAlreadyExists);
  ASSERT_TRUE(Store(store_, kFirst, {FinishSession{}}).ok());
  ExpectCode(Store(store_, kFirst, {FinishSession{v1::REASON_SHUTDOWN}}),
             absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(OperationsOf(*store_.Take(kFirst.session_id)), ElementsAre(freeze, FinishSession{}));
}

TEST_P(SessionStoreConformanceTest, DifferentDropsOfOneClientAreAllKept) {
  ASSERT_TRUE(Create(store_, MakeSession('a')).ok());
  const DropClient first{Client(1), Phase::kShareKeys, v1::REASON_BAD_SIGNATURE, "a"};
  DropClient second = first;
  second.detail = "b";
  ASSERT_TRUE(Store(store_, kFirst, {first, second, first}).ok());
  EXPECT_THAT(OperationsOf(*store_.Take(kFirst.session_id)), ElementsAre(first, second));
}

TEST_P(SessionStoreConformanceTest, AllOfABatchOrNothing) {
  ASSERT_TRUE(Create(store_, MakeSession('a')).ok());
  ASSERT_TRUE(Store(store_, kFirst, {Message(Phase::kShareKeys, 1, "x")}).ok());
  ExpectCode(Store(store_, kFirst,
                   {Message(Phase::kShareKeys, 2, "z"), ClosePhase{Phase::kAdvertiseKeys},
                    Message(Phase::kShareKeys, 1, "y"), FinishSession{}}),
             absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(store_.Take(kFirst.session_id)->operations, SizeIs(1));
  EXPECT_FALSE(store_.Sessions()->front().ended);
}

TEST_P(SessionStoreConformanceTest, NothingAfterTheEnd) {
  ASSERT_TRUE(Create(store_, MakeSession('a')).ok());
  ExpectCode(Store(store_, kFirst, {FinishSession{}, ClosePhase{Phase::kUnmasking}}),
             absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(store_.Sessions()->front().ended);
  ASSERT_TRUE(Store(store_, kFirst, {FinishSession{}}).ok());
  EXPECT_TRUE(store_.Sessions()->front().ended);
  ExpectCode(Store(store_, kFirst, {ClosePhase{Phase::kUnmasking}}),
             absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Store(store_, kFirst, {}).ok());
}

TEST_P(SessionStoreConformanceTest, SharesAreErasedAtTheEnd) {
  ASSERT_TRUE(Create(store_, MakeSession('a')).ok());
  ASSERT_TRUE(Create(store_, MakeSession('b')).ok());
  std::vector<Operation> messages;
  for (Phase phase : {Phase::kAdvertiseKeys, Phase::kShareKeys, Phase::kConsistencyCheck}) {
    messages.push_back(Message(phase, 1, "bytes"));
  }
  ASSERT_TRUE(Store(store_, kFirst, messages).ok());
  ASSERT_TRUE(Store(store_, {std::string(16, 'b'), 1}, messages).ok());
  ASSERT_TRUE(
      Store(store_, kFirst, {Message(Phase::kUnmasking, 1, "shares"), FinishSession{}}).ok());
  EXPECT_TRUE(Store(store_, kFirst, messages).ok());  // Known as before.
  std::vector<std::string> bytes;
  for (const Operation& operation : OperationsOf(*store_.Take(kFirst.session_id))) {
    const auto* message = std::get_if<PutMessage>(&operation);
    if (message != nullptr) bytes.push_back(message->bytes);
  }
  EXPECT_THAT(bytes, ElementsAre("bytes", "", "bytes", ""));
  EXPECT_EQ(OperationsOf(*store_.Take(std::string(16, 'b'))), messages);
}

TEST_P(SessionStoreConformanceTest, TheLastClaimFencesTheOthersOff) {
  ASSERT_TRUE(Create(store_, MakeSession('a')).ok());
  const Claim second = store_.Take(kFirst.session_id)->claim;
  const Claim third = store_.Take(kFirst.session_id)->claim;
  EXPECT_LT(kFirst.fence, second.fence);
  EXPECT_LT(second.fence, third.fence);
  for (const Claim& old : {kFirst, second, Claim{kFirst.session_id, third.fence + 1}}) {
    ExpectCode(Store(store_, old, {FinishSession{}}), absl::StatusCode::kAborted);
    ExpectCode(Store(store_, old, {}), absl::StatusCode::kAborted);
    ExpectCode(Report(store_, old, "r"), absl::StatusCode::kAborted);
    ExpectCode(Forget(store_, old), absl::StatusCode::kAborted);
  }
  EXPECT_FALSE(store_.Sessions()->front().ended);
  EXPECT_EQ(store_.Sessions()->front().report, "");
  EXPECT_TRUE(Store(store_, third, {FinishSession{}}).ok());
}

TEST_P(SessionStoreConformanceTest, ListsTheNewestFirst) {
  ASSERT_TRUE(Create(store_, MakeSession('b', 2)).ok());
  ASSERT_TRUE(Create(store_, MakeSession('a', 3)).ok());
  ASSERT_TRUE(Create(store_, MakeSession('c', 1)).ok());
  ASSERT_TRUE(Report(store_, {std::string(16, 'b'), 1}, "old").ok());
  ASSERT_TRUE(Report(store_, {std::string(16, 'b'), 1}, "report").ok());
  ASSERT_TRUE(Store(store_, {std::string(16, 'c'), 1}, {FinishSession{}}).ok());
  EXPECT_THAT(store_.Sessions().value(),
              ElementsAre(SessionSummary{std::string(16, 'a'), false, false, ""},
                          SessionSummary{std::string(16, 'b'), false, false, "report"},
                          SessionSummary{std::string(16, 'c'), true, false, ""}));
}

TEST_P(SessionStoreConformanceTest, ForgetsAllButTheReport) {
  ASSERT_TRUE(Create(store_, MakeSession('a')).ok());
  ASSERT_TRUE(Store(store_, kFirst, {Message(Phase::kAdvertiseKeys, 1, "x")}).ok());
  ASSERT_TRUE(Report(store_, kFirst, "report").ok());
  ExpectCode(Forget(store_, kFirst), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(Store(store_, kFirst, {FinishSession{}}).ok());
  ASSERT_TRUE(Forget(store_, kFirst).ok());
  EXPECT_TRUE(Forget(store_, kFirst).ok());
  EXPECT_THAT(store_.Sessions().value(),
              ElementsAre(SessionSummary{kFirst.session_id, true, true, "report"}));
  ExpectCode(store_.Take(kFirst.session_id).status(), absl::StatusCode::kNotFound);
  ExpectCode(Store(store_, kFirst, {FinishSession{}}), absl::StatusCode::kFailedPrecondition);
  ExpectCode(Create(store_, MakeSession('a')), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(Report(store_, kFirst, "").ok());
}

TEST_P(SessionStoreConformanceTest, EndsADamagedSessionUnread) {
  const std::string other(16, 'b');
  const std::vector<Operation> messages = {Message(Phase::kShareKeys, 1, "x"),
                                           ClosePhase{Phase::kShareKeys}};
  ExpectCode(EndDamaged(store_, kFirst.session_id, "r"), absl::StatusCode::kNotFound);
  for (const char id : {'a', 'b'}) {
    ASSERT_TRUE(Create(store_, MakeSession(id)).ok());
    ASSERT_TRUE(Store(store_, {std::string(16, id), 1}, messages).ok());
    ASSERT_TRUE(Report(store_, {std::string(16, id), 1}, "goes on").ok());
  }
  ASSERT_TRUE(EndDamaged(store_, kFirst.session_id, "damaged").ok());
  EXPECT_THAT(store_.Sessions().value(),
              ElementsAre(SessionSummary{kFirst.session_id, true, true, "damaged"},
                          SessionSummary{other, false, false, "goes on"}));
  ExpectCode(store_.Take(kFirst.session_id).status(), absl::StatusCode::kNotFound);
  // Whoever still holds a claim can't change that.
  ExpectCode(Store(store_, kFirst, messages), absl::StatusCode::kAborted);
  ExpectCode(Report(store_, kFirst, "goes on"), absl::StatusCode::kAborted);
  ExpectCode(Create(store_, MakeSession('a')), absl::StatusCode::kAlreadyExists);
  // Again, of which nobody knew whether it came through.
  EXPECT_TRUE(EndDamaged(store_, kFirst.session_id, "damaged").ok());
  EXPECT_EQ(store_.Sessions()->front().report, "damaged");
  EXPECT_TRUE(Erase(store_, kFirst.session_id).ok());
  EXPECT_THAT(store_.Sessions().value(), SizeIs(1));
  EXPECT_EQ(OperationsOf(*store_.Take(other)), messages);
}

TEST_P(SessionStoreConformanceTest, ErasesWhatHasEnded) {
  ASSERT_TRUE(Create(store_, MakeSession('a')).ok());
  ASSERT_TRUE(Create(store_, MakeSession('b')).ok());
  ExpectCode(Erase(store_, kFirst.session_id), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(Store(store_, kFirst, {Message(Phase::kShareKeys, 1, "x"), FinishSession{}}).ok());
  ASSERT_TRUE(Report(store_, kFirst, "report").ok());
  ASSERT_TRUE(Erase(store_, kFirst.session_id).ok());
  EXPECT_THAT(store_.Sessions().value(),
              ElementsAre(SessionSummary{std::string(16, 'b'), false, false, ""}));
  // As if it had never been.
  ASSERT_TRUE(Create(store_, MakeSession('a')).ok());
  EXPECT_THAT(store_.Take(kFirst.session_id)->operations, IsEmpty());
}

TEST_P(SessionStoreConformanceTest, AnswersInTheOrderOfTheCalls) {
  std::vector<int> order;
  std::promise<void> last;
  store_.CreateSession(MakeSession('a'), [&](absl::Status status) {
    EXPECT_TRUE(status.ok());
    order.push_back(-1);
  });
  constexpr int kCalls = 200;
  for (int i = 0; i < kCalls; ++i) {
    store_.Commit(kFirst, {Message(Phase::kShareKeys, static_cast<uint8_t>(i), "x")}, At(0),
                  [&, i](absl::Status status) {
                    EXPECT_TRUE(status.ok());
                    order.push_back(i);
                    if (i == kCalls - 1) last.set_value();
                  });
  }
  last.get_future().wait();
  ASSERT_THAT(order, SizeIs(kCalls + 1));
  for (int i = 0; i <= kCalls; ++i) EXPECT_EQ(order[i], i - 1);
  EXPECT_THAT(store_.Take(kFirst.session_id)->operations, SizeIs(kCalls));
  EXPECT_EQ(store_.queued_bytes(), 0u);
}

TEST_P(SessionStoreConformanceTest, ManyThreadsManySessions) {
  constexpr int kThreads = 4;
  constexpr int kMessages = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      const char id = static_cast<char>('a' + t);
      EXPECT_TRUE(Create(store_, MakeSession(id)).ok());
      for (int i = 0; i < kMessages; ++i) {
        const std::string bytes(static_cast<size_t>(100 * i), id);
        EXPECT_TRUE(Store(store_, {std::string(16, id), 1},
                          {Message(Phase::kShareKeys, static_cast<uint8_t>(i), bytes)})
                        .ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int t = 0; t < kThreads; ++t) {
    const auto taken = store_.Take(std::string(16, static_cast<char>('a' + t)));
    ASSERT_TRUE(taken.ok());
    ASSERT_THAT(taken->operations, SizeIs(kMessages));
    for (int i = 0; i < kMessages; ++i) {
      EXPECT_EQ(std::get<PutMessage>(taken->operations[i].operation).bytes,
                std::string(static_cast<size_t>(100 * i), static_cast<char>('a' + t)));
    }
  }
}

TEST_P(SessionStoreConformanceTest, FinishesWhatWasAskedForWhenItGoes) {
  std::atomic<int> answered = 0;
  auto count = [&](absl::Status status) {
    EXPECT_TRUE(status.ok());
    ++answered;
  };
  owner_->CreateSession(MakeSession('a'), count);
  for (uint8_t i = 0; i < 50; ++i) {
    owner_->Commit(kFirst, {Message(Phase::kShareKeys, i, "x")}, At(0), count);
  }
  owner_.reset();
  EXPECT_EQ(answered, 51);
}

}  // namespace
}  // namespace veilsum::aggregator
