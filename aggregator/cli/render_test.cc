// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/cli/render.h"

#include <sstream>
#include <string>

#include "aggregator/cli/progress_display.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::aggregator::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::Session Collecting() {
  v1::Session session;
  session.set_session_id(std::string("\x01\x02\xff", 3) + std::string(13, '\0'));
  session.set_task_id("mean");
  session.set_state(v1::SESSION_STATE_MASKED_INPUT_COLLECTION);
  session.set_answered(97);
  session.set_expected(100);
  session.set_clients(100);
  session.set_degree(99);
  session.set_threshold(51);
  for (int i = 0; i < 3; ++i) {
    v1::Dropout& dropout = *session.add_dropouts();
    dropout.set_round(v1::ROUND_SHARE_KEYS);
    dropout.set_reason(v1::REASON_NO_ANSWER);
  }
  return session;
}

v1::PhaseReport& AddPhase(v1::Session& session, v1::Round round, uint32_t answered) {
  v1::PhaseReport& phase = *session.add_phases();
  phase.set_round(round);
  phase.set_answered(answered);
  phase.set_duration_ms(2140);
  return phase;
}

v1::Session Completed() {
  v1::Session session = Collecting();
  AddPhase(session, v1::ROUND_UNMASKING, 90);
  session.set_state(v1::SESSION_STATE_COMPLETED);
  session.set_included(97);
  session.set_elapsed_ms(4200);
  return session;
}

TEST(RenderTest, ProgressIsOneSentence) {
  EXPECT_EQ(ProgressText(Collecting()), "97 of 100 masked inputs, 3 dropped, threshold 51");
  v1::Session early;
  early.set_state(v1::SESSION_STATE_ADVERTISE_KEYS);
  early.set_answered(4);
  early.set_expected(10);
  EXPECT_EQ(ProgressText(early), "4 of 10 advertised keys, 0 dropped");
}

TEST(RenderTest, EndsSayHow) {
  EXPECT_EQ(EndText(Completed()), "completed: 97 inputs in the sum, 3 dropped, 4.2 s");
  v1::Session aborted = Completed();
  aborted.set_state(v1::SESSION_STATE_ABORTED);
  aborted.set_abort_reason(v1::REASON_TOO_FEW_CLIENTS);
  EXPECT_EQ(EndText(aborted), "aborted (TOO_FEW_CLIENTS) after 4.2 s, 3 dropped");
}

void AddRefusal(v1::Session& session, char first, v1::Reason reason, const std::string& detail) {
  v1::Refusal& refusal = *session.add_refusals();
  refusal.set_identity(std::string(32, first));
  refusal.set_round(v1::ROUND_ADVERTISE_KEYS);
  refusal.set_reason(reason);
  refusal.set_detail(detail);
  session.set_refusals_total(session.refusals_total() + 1);
}

TEST(RenderTest, RefusalsAreInTheClientsWords) {
  v1::Session session = Collecting();
  AddRefusal(session, '\x0a', v1::REASON_MODEL_MISMATCH, "I trained another model");
  AddRefusal(session, '\x0b', v1::REASON_HEADER_REFUSED, "n_min is 3, I insist on \x1b[2J\n\"5\"");
  EXPECT_EQ(RefusalLines(session, 2),
            "client 0a0a0a0a refused in advertise keys (MODEL_MISMATCH): \"I trained another "
            "model\"\n"
            "client 0b0b0b0b refused in advertise keys (HEADER_REFUSED): \"n_min is 3, I insist on "
            "?[2J '5'\"\n");
  EXPECT_THAT(RefusalLines(session, 1), ::testing::StartsWith("client 0b0b0b0b"));
  EXPECT_EQ(RefusalLines(session, 0), "");
  EXPECT_EQ(RefusalLines(session, 1'000'000), RefusalLines(session, 2));
  EXPECT_EQ(ProgressText(session), "97 of 100 masked inputs, 3 dropped, 2 refused, threshold 51");
  const auto json = SessionJson(session);
  EXPECT_EQ(json["refusals_total"], 2);
  EXPECT_EQ(json["refusals"][0]["reason"], "MODEL_MISMATCH");
  EXPECT_EQ(json["refusals"][0]["detail"], "I trained another model");
}

TEST(RenderTest, JsonHasTheNamesOfTheConfiguration) {
  v1::Task task;
  task.set_task_id("mean");
  task.set_tier(v1::TIER_SEMI_HONEST);
  task.set_graph(v1::GRAPH_RULE_HARARY);
  task.mutable_vector()->set_clip(0.1f);
  task.mutable_unmasking()->set_deadline_ms(60000);
  const auto json = TaskJson(task);
  EXPECT_EQ(json["id"], "mean");
  EXPECT_EQ(json["tier"], "semi_honest");
  EXPECT_EQ(json["graph"], "harary");
  EXPECT_EQ(json["clip"].dump(), "0.1");
  EXPECT_EQ(json["unmasking"]["deadline_ms"], 60000);
  EXPECT_THAT(TaskText(task), HasSubstr("graph                harary\n"));
}

TEST(RenderTest, JsonOfASessionSpellsBytesInHexadecimal) {
  const auto json = SessionJson(Completed());
  EXPECT_EQ(json["id"], "0102ff00000000000000000000000000");
  EXPECT_EQ(json["state"], "completed");
  EXPECT_EQ(json["dropouts"][0]["reason"], "NO_ANSWER");
  EXPECT_EQ(json["phases"][0]["phase"], "unmasking");
}

TEST(RenderTest, WhatOthersWroteCannotMoveTheCursor) {
  v1::ListSessionsResponse sessions;
  *sessions.add_sessions() = Collecting();
  sessions.mutable_sessions(0)->set_task_id("\x1b[2Jgone");
  EXPECT_THAT(SessionTable(sessions), HasSubstr("?[2Jgone"));
  v1::Session broken = Collecting();
  broken.mutable_dropouts(0)->set_detail("\xff\xfe");
  EXPECT_THAT(Line(SessionJson(broken)), Not(HasSubstr("\xff")));
}

TEST(RenderTest, TablesLineUp) {
  v1::ListSessionsResponse sessions;
  EXPECT_THAT(SessionTable(sessions), HasSubstr("no session yet"));
  *sessions.add_sessions() = Completed();
  EXPECT_EQ(
      SessionTable(sessions),
      "SESSION                           TASK  STATE      CLIENTS  INCLUDED  TIME\n"
      "0102ff00000000000000000000000000  mean  completed  100      97        4.2 s\n");
}

std::string Shown(bool terminal, bool json) {
  std::ostringstream out;
  Console console = {out, out, terminal};
  ProgressDisplay display(console, json);
  v1::Session session = Collecting();
  session.set_answered(96);
  display.Show(session);
  display.Show(Collecting());
  session = Completed();
  session.clear_phases();
  AddPhase(session, v1::ROUND_MASKED_INPUT_COLLECTION, 97);
  display.Show(session);
  return out.str();
}

TEST(ProgressDisplayTest, WritesALineForEveryPhase) {
  EXPECT_EQ(Shown(false, false),
            "session 0102ff00000000000000000000000000 of task mean\n"
            "masked input collection: 97 of 100 answered in 2.1 s\n"
            "completed: 97 inputs in the sum, 3 dropped, 4.2 s\n");
}

TEST(ProgressDisplayTest, WritesOverOneLineOnATerminal) {
  EXPECT_EQ(Shown(true, false),
            "\r\x1b[K0102ff00  96 of 100 masked inputs, 3 dropped, threshold 51"
            "\r\x1b[K0102ff00  97 of 100 masked inputs, 3 dropped, threshold 51"
            "\r\x1b[K0102ff00  completed: 97 inputs in the sum, 3 dropped, 4.2 s\n");
}

TEST(ProgressDisplayTest, ShowsEachRefusalOnce) {
  for (const bool terminal : {false, true}) {
    std::ostringstream out;
    Console console = {out, out, terminal};
    ProgressDisplay display(console, false);
    v1::Session session = Collecting();
    AddRefusal(session, '\x0a', v1::REASON_MODEL_MISMATCH, "one");
    display.Show(session);
    AddRefusal(session, '\x0b', v1::REASON_MODEL_MISMATCH, "two");
    // Of many the newest stay: the first is gone.
    session.mutable_refusals()->erase(session.mutable_refusals()->begin());
    display.Show(session);
    display.Show(session);
    const std::string shown = out.str();
    for (const char* words : {"\"one\"\n", "\"two\"\n"}) {
      EXPECT_NE(shown.find(words), std::string::npos) << shown;
      EXPECT_EQ(shown.find(words), shown.rfind(words)) << shown;
    }
  }
}

TEST(ProgressDisplayTest, WritesAnObjectForEveryChange) {
  std::istringstream lines(Shown(true, true));
  int objects = 0;
  for (std::string line; std::getline(lines, line); ++objects) {
    EXPECT_TRUE(nlohmann::json::accept(line)) << line;
  }
  EXPECT_EQ(objects, 3);
}

}  // namespace
}  // namespace veilsum::aggregator::cli
