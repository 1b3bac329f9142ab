// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Random lists of operations against the store on disk, the one in memory, and a model that is
// little more than a map: every answer and every read is the same in all three, and the store on
// disk is opened anew between any two groups of calls.

#include <algorithm>
#include <future>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "aggregator/store/disk_testing.h"
#include "aggregator/store/memory_session_store.h"
#include "aggregator/store/store_testing.h"
#include "gtest/gtest.h"

namespace veilsum::aggregator {
namespace {

// The rules of session_store.h, once more and without anything shared.
class Model {
 public:
  struct Session {
    NewSession session;
    uint64_t fence = 1;
    std::vector<StoredOperation> operations = {};
    bool forgotten = false;
    std::string report = {};
  };

  absl::StatusCode Create(const NewSession& session) {
    const auto [found, fresh] = sessions.try_emplace(session.session_id, Session{session});
    const bool same = !found->second.forgotten && found->second.session == session;
    return fresh || same ? absl::StatusCode::kOk : absl::StatusCode::kAlreadyExists;
  }

  absl::StatusCode Commit(const Claim& claim, const std::vector<Operation>& operations,
                          absl::Time now) {
    if (const absl::StatusCode code = Check(claim); code != absl::StatusCode::kOk) return code;
    Session& session = sessions.at(claim.session_id);
    if (session.forgotten) return absl::StatusCode::kFailedPrecondition;
    std::vector<StoredOperation> list = session.operations;
    for (const Operation& operation : operations) {
      const auto other = std::find_if(list.begin(), list.end(), [&](const StoredOperation& stored) {
        return InOnePlace(stored.operation, operation);
      });
      if (other != list.end()) {
        if (!Same(other->operation, operation)) return absl::StatusCode::kAlreadyExists;
        continue;
      }
      if (Ended(list)) return absl::StatusCode::kFailedPrecondition;
      list.push_back({operation, now});
    }
    if (Ended(list)) {
      for (StoredOperation& stored : list) {
        auto* message = std::get_if<PutMessage>(&stored.operation);
        if (message == nullptr) continue;
        if (message->phase == Phase::kShareKeys || message->phase == Phase::kUnmasking) {
          message->bytes = "";
        }
      }
    }
    session.operations = list;
    return absl::StatusCode::kOk;
  }

  absl::StatusCode Report(const Claim& claim, const std::string& report) {
    const absl::StatusCode code = Check(claim);
    if (code == absl::StatusCode::kOk) sessions.at(claim.session_id).report = report;
    return code;
  }

  absl::StatusCode Forget(const Claim& claim) {
    if (const absl::StatusCode code = Check(claim); code != absl::StatusCode::kOk) return code;
    Session& session = sessions.at(claim.session_id);
    if (!session.forgotten && !Ended(session.operations)) {
      return absl::StatusCode::kFailedPrecondition;
    }
    session.forgotten = true;
    session.operations.clear();
    return absl::StatusCode::kOk;
  }

  absl::StatusCode EndDamaged(const std::string& id, const std::string& report) {
    const auto found = sessions.find(id);
    if (found == sessions.end()) return absl::StatusCode::kNotFound;
    Session& session = found->second;
    session = {session.session, session.fence + 1, {}, true, report};
    return absl::StatusCode::kOk;
  }

  absl::StatusCode Erase(const std::string& id) {
    const auto found = sessions.find(id);
    if (found == sessions.end()) return absl::StatusCode::kOk;
    if (!found->second.forgotten && !Ended(found->second.operations)) {
      return absl::StatusCode::kFailedPrecondition;
    }
    sessions.erase(found);
    return absl::StatusCode::kOk;
  }

  static bool Ended(const std::vector<StoredOperation>& list) {
    return std::any_of(list.begin(), list.end(), [](const StoredOperation& stored) {
      return std::holds_alternative<FinishSession>(stored.operation);
    });
  }

  std::map<std::string, Session> sessions;

 private:
  absl::StatusCode Check(const Claim& claim) const {
    const auto found = sessions.find(claim.session_id);
    if (found == sessions.end()) return absl::StatusCode::kNotFound;
    return found->second.fence == claim.fence ? absl::StatusCode::kOk : absl::StatusCode::kAborted;
  }

  static bool InOnePlace(const Operation& a, const Operation& b) {
    if (a.index() != b.index()) return false;
    if (const auto* message = std::get_if<PutMessage>(&a)) {
      const auto& other = std::get<PutMessage>(b);
      return message->phase == other.phase && message->from == other.from;
    }
    if (std::holds_alternative<DropClient>(a) || std::holds_alternative<ClosePhase>(a) ||
        std::holds_alternative<KeepCheckpoint>(a)) {
      return a == b;
    }
    return true;
  }
  static bool Same(const Operation& a, const Operation& b) {
    const auto* message = std::get_if<PutMessage>(&a);
    return message != nullptr ? message->digest == std::get<PutMessage>(b).digest : a == b;
  }
};

std::string Describe(const std::vector<StoredOperation>& operations) {
  std::ostringstream text;
  for (const StoredOperation& stored : operations) {
    text << absl::ToUnixMicros(stored.stored) << ":" << stored.operation.index();
    if (const auto* message = std::get_if<PutMessage>(&stored.operation)) {
      text << "," << static_cast<int>(message->phase) << "," << message->from.ToHex() << ","
           << message->bytes;
    }
    text << " ";
  }
  return text.str();
}

class RandomTest : public DiskTest, public testing::WithParamInterface<uint32_t> {
 protected:
  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }
  std::string AnyId() { return std::string(16, static_cast<char>('a' + Below(3))); }

  Claim AnyClaim() {
    const std::string id = AnyId();
    const auto found = model_.sessions.find(id);
    const uint64_t fence = found == model_.sessions.end() ? 1 : found->second.fence;
    return {id, Below(8) == 0 ? fence + Below(3) - 1 : fence};
  }

  Operation AnyOperation() {
    const auto phase = static_cast<Phase>(Below(5));
    const auto client = static_cast<uint8_t>(Below(3));
    switch (Below(13)) {
      case 12:
        return KeepCheckpoint{Below(3)};
      case 0:
        return DropClient{Client(client), phase, v1::REASON_BAD_SIGNATURE,
                          std::string(Below(2), 'd')};
      case 1:
        return ClosePhase{phase};
      case 2:
        return FreezeSurvivors{"s", std::nullopt, Below(2)};
      case 3:
        return FinishSession{Below(4) == 0 ? v1::REASON_SHUTDOWN : v1::REASON_UNSPECIFIED};
      default:
        return Message(phase, client, std::string(Below(8) == 0 ? 5000 : 1, 'm'));
    }
  }

  // One call to all three; the stores' answers come later.
  void Call() {
    if (Below(12) == 0) return Take(AnyId());
    std::function<void(SessionStore&, SessionStore::Done)> call;
    absl::StatusCode expected{};
    switch (Below(12)) {
      case 0: {
        const NewSession session = MakeSession(AnyId()[0], Below(8) == 0 ? 1 : 0);
        expected = model_.Create(session);
        call = [session](SessionStore& store, auto done) { store.CreateSession(session, done); };
        break;
      }
      case 1: {
        const Claim claim = AnyClaim();
        const std::string report(Below(50), 'r');
        expected = model_.Report(claim, report);
        call = [=](SessionStore& store, auto done) { store.PutReport(claim, report, done); };
        break;
      }
      case 2: {
        const Claim claim = AnyClaim();
        expected = model_.Forget(claim);
        call = [=](SessionStore& store, auto done) { store.ForgetSession(claim, done); };
        break;
      }
      case 3: {
        const std::string id = AnyId();
        expected = model_.Erase(id);
        call = [=](SessionStore& store, auto done) { store.EraseSession(id, done); };
        break;
      }
      case 4: {
        const std::string id = AnyId();
        const std::string report(Below(50), 'd');
        expected = model_.EndDamaged(id, report);
        call = [=](SessionStore& store, auto done) { store.EndDamaged(id, report, done); };
        break;
      }
      default: {
        const Claim claim = AnyClaim();
        std::vector<Operation> operations;
        for (uint32_t count = Below(4); count > 0; --count) operations.push_back(AnyOperation());
        const absl::Time now = At(++second_);
        expected = model_.Commit(claim, operations, now);
        call = [=](SessionStore& store, auto done) { store.Commit(claim, operations, now, done); };
      }
    }
    for (SessionStore* store : {storage_.sessions.get(), static_cast<SessionStore*>(&memory_)}) {
      auto answer = std::make_shared<std::promise<absl::Status>>();
      answers_.emplace_back(expected, answer->get_future());
      call(*store, [answer](absl::Status status) { answer->set_value(std::move(status)); });
    }
    ++calls_;
  }

  void Take(const std::string& id) {
    const auto found = model_.sessions.find(id);
    const bool there = found != model_.sessions.end() && !found->second.forgotten;
    if (there) ++found->second.fence;
    for (SessionStore* store : {storage_.sessions.get(), static_cast<SessionStore*>(&memory_)}) {
      const auto taken = store->Take(id);
      ASSERT_EQ(taken.ok(), there) << taken.status();
      if (!there) {
        EXPECT_TRUE(absl::IsNotFound(taken.status()));
        continue;
      }
      EXPECT_EQ(taken->session, found->second.session);
      EXPECT_EQ(taken->claim.fence, found->second.fence);
      EXPECT_EQ(taken->operations, found->second.operations) << Describe(taken->operations) << "\n"
                                                             << Describe(found->second.operations);
    }
  }

  void CompareAll() {
    for (auto& [expected, answer] : answers_) {
      const absl::Status status = answer.get();
      EXPECT_EQ(status.code(), expected) << status;
      seen_.insert(status.code());
    }
    answers_.clear();
    std::vector<SessionSummary> expected;
    for (const auto& [id, session] : model_.sessions) {
      expected.push_back({id, session.forgotten || Model::Ended(session.operations),
                          session.forgotten, session.report});
    }
    std::stable_sort(expected.begin(), expected.end(), [&](const auto& a, const auto& b) {
      return model_.sessions.at(a.session_id).session.created >
             model_.sessions.at(b.session_id).session.created;
    });
    EXPECT_EQ(sessions().Sessions().value(), expected);
    EXPECT_EQ(memory_.Sessions().value(), expected);
  }

  std::mt19937 random_{GetParam()};
  Model model_;
  MemorySessionStore memory_;
  std::vector<std::pair<absl::StatusCode, std::future<absl::Status>>> answers_;
  std::set<absl::StatusCode> seen_;
  int64_t second_ = 0;
  int calls_ = 0;
};

TEST_P(RandomTest, AllThreeAgree) {
  Open();
  while (calls_ < 1500 && !HasFailure()) {
    for (uint32_t count = Below(12); count > 0 && !HasFailure(); --count) Call();
    CompareAll();
    if (Below(4) != 0) continue;
    Close();
    Open();
    CompareAll();
    for (const char id : {'a', 'b', 'c'}) Take(std::string(16, id));
  }
  // The lists are worth something: every answer came.
  EXPECT_EQ(seen_.size(), 5u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomTest, testing::Range(1u, 5u));

}  // namespace
}  // namespace veilsum::aggregator
