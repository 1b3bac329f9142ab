// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What every SessionStore does, wherever it keeps things.

#include "client_sdk/state/session_store.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client_sdk/state/memory_session_store.h"
#include "client_sdk/state/sqlite_session_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/reason_status.h"

namespace veilsum::client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Kind {
  const char* name;
  std::function<std::unique_ptr<SessionStore>()> make;
};

std::unique_ptr<SessionStore> MakeSqliteStore() {
  static int number = 0;
  auto store = SqliteSessionStore::Open(absl::StrCat(testing::TempDir(), "/store", ++number));
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

SavedSession Session(const std::string& task, char id) {
  return {task,
          std::string(16, id),
          std::string(32, 'i'),
          crypto::SessionSecret::Generate([id](absl::Span<uint8_t> out) {
            for (uint8_t& byte : out) byte = static_cast<uint8_t>(id);
          }),
          {"offer"}};
}

crypto::Digest Model(uint8_t number) {
  crypto::Digest digest{};
  digest[31] = number;
  return digest;
}

class SessionStoreTest : public testing::TestWithParam<Kind> {
 protected:
  std::optional<SavedSession> Unfinished(const std::string& task) {
    auto session = store_->Unfinished(task);
    EXPECT_TRUE(session.ok()) << session.status();
    return *std::move(session);
  }
  void ExpectRefused(const absl::Status& status, const std::string& text) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_EQ(ReasonOf(status), v1::REASON_STATE_REFUSED);
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  }

  const absl::Time now_ = absl::FromUnixSeconds(1'000'000);
  std::unique_ptr<SessionStore> store_ = GetParam().make();
};

TEST_P(SessionStoreTest, HasNothingAtFirst) {
  EXPECT_FALSE(Unfinished("task").has_value());
  EXPECT_FALSE(*store_->IsAnswered("task", Model(1)));
  EXPECT_EQ(*store_->StartedAfter(absl::InfinitePast()), 0u);
  EXPECT_TRUE(store_->End("task").ok());
}

TEST_P(SessionStoreTest, GivesBackWhatASessionRemembered) {
  ASSERT_TRUE(store_->Begin(Session("task", 's'), now_).ok());
  ASSERT_TRUE(store_->Remember("task", "roster", std::nullopt).ok());
  const std::string bytes("\0\xff\n", 3);
  ASSERT_TRUE(store_->Remember("task", bytes, std::nullopt).ok());
  ASSERT_TRUE(store_->Remember("task", "", std::nullopt).ok());
  const auto session = Unfinished("task");
  ASSERT_TRUE(session.has_value());
  EXPECT_EQ(session->task_id, "task");
  EXPECT_EQ(session->session_id, std::string(16, 's'));
  EXPECT_EQ(session->identity, std::string(32, 'i'));
  EXPECT_EQ(crypto::ToString(crypto::ExposeSecret(session->secret)), std::string(32, 's'));
  EXPECT_THAT(session->journal, ElementsAre("offer", "roster", bytes, ""));
}

TEST_P(SessionStoreTest, KeepsTasksApart) {
  ASSERT_TRUE(store_->Begin(Session("a", '1'), now_).ok());
  ASSERT_TRUE(store_->Begin(Session("b", '2'), now_).ok());
  ASSERT_TRUE(store_->Remember("a", "of a", Model(1)).ok());
  ASSERT_TRUE(store_->End("b").ok());
  EXPECT_THAT(Unfinished("a")->journal, ElementsAre("offer", "of a"));
  EXPECT_FALSE(Unfinished("b").has_value());
  EXPECT_TRUE(*store_->IsAnswered("a", Model(1)));
  EXPECT_FALSE(*store_->IsAnswered("b", Model(1)));
}

TEST_P(SessionStoreTest, EndForgetsTheSessionButNotThatItWasThere) {
  ASSERT_TRUE(store_->Begin(Session("task", 's'), now_).ok());
  ASSERT_TRUE(store_->Remember("task", "survivors", Model(1)).ok());
  ASSERT_TRUE(store_->End("task").ok());
  EXPECT_FALSE(Unfinished("task").has_value());
  EXPECT_TRUE(*store_->IsAnswered("task", Model(1)));
  EXPECT_FALSE(*store_->IsAnswered("task", Model(2)));
  ExpectRefused(store_->Begin(Session("task", 's'), now_), "no session twice");
  ExpectRefused(store_->Begin(Session("other", 's'), now_), "no session twice");
  EXPECT_TRUE(store_->Begin(Session("task", 't'), now_).ok());
  EXPECT_THAT(Unfinished("task")->journal, ElementsAre("offer"));
}

TEST_P(SessionStoreTest, RefusesASecondSessionOfATask) {
  ASSERT_TRUE(store_->Begin(Session("task", 's'), now_).ok());
  ExpectRefused(store_->Begin(Session("task", 't'), now_), "unfinished");
  EXPECT_EQ(Unfinished("task")->session_id, std::string(16, 's'));
  EXPECT_EQ(*store_->StartedAfter(absl::InfinitePast()), 1u);
}

TEST_P(SessionStoreTest, RefusesAnEntryWithoutASession) {
  ExpectRefused(store_->Remember("task", "entry", Model(1)), "no unfinished session");
  EXPECT_FALSE(*store_->IsAnswered("task", Model(1)));
}

TEST_P(SessionStoreTest, AnsweringTwiceIsOnce) {
  for (const char id : {'s', 't'}) {
    ASSERT_TRUE(store_->Begin(Session("task", id), now_).ok());
    ASSERT_TRUE(store_->Remember("task", "survivors", Model(1)).ok());
    ASSERT_TRUE(store_->End("task").ok());
  }
  EXPECT_TRUE(*store_->IsAnswered("task", Model(1)));
}

TEST_P(SessionStoreTest, CountsSessionsAfterATime) {
  ASSERT_TRUE(store_->Begin(Session("a", '1'), now_).ok());
  ASSERT_TRUE(store_->End("a").ok());
  ASSERT_TRUE(store_->Begin(Session("b", '2'), now_ + absl::Hours(1)).ok());
  EXPECT_EQ(*store_->StartedAfter(now_ - absl::Seconds(1)), 2u);
  EXPECT_EQ(*store_->StartedAfter(now_), 1u);
  EXPECT_EQ(*store_->StartedAfter(now_ + absl::Hours(1)), 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Stores, SessionStoreTest,
    testing::Values(Kind{"Memory", [] { return std::make_unique<MemorySessionStore>(); }},
                    Kind{"Sqlite", MakeSqliteStore}),
    [](const testing::TestParamInfo<Kind>& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace veilsum::client
