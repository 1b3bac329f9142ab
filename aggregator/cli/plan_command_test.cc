// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "aggregator/cli/command_line.h"
#include "aggregator/cli/exit_code.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace veilsum::aggregator::cli {
namespace {

using ::testing::HasSubstr;

struct Ran {
  int code;
  std::string out;
  std::string err;
};

Ran Veilsum(const std::string& line) {
  std::ostringstream out;
  std::ostringstream err;
  Console console = {out, err};
  const int code = RunVeilsum(absl::StrSplit(line, ' '), console);
  return {code, out.str(), err.str()};
}

TEST(PlanCommandTest, ReproducesTheGoldenTable) {
  std::ifstream table("tests/vectors/v1/graph_parameters.csv");
  std::string line;
  ASSERT_TRUE(std::getline(table, line));
  int rows = 0;
  for (; std::getline(table, line); ++rows) {
    const std::vector<std::string> field = absl::StrSplit(line, ',');
    ASSERT_EQ(field.size(), 6u) << line;
    const Ran ran =
        Veilsum(absl::StrCat("plan --clients ", field[1], " --corrupt ", field[2], " --dropout ",
                             field[3], " --tier ", field[0], " --format=csv"));
    if (field[4] == "infeasible") {
      EXPECT_EQ(ran.code, kRefused) << line;
      EXPECT_EQ(ran.out, "") << line;
      EXPECT_THAT(ran.err, HasSubstr("INFEASIBLE_PARAMETERS")) << line;
    } else {
      EXPECT_EQ(ran.code, kDone) << line << ran.err;
      EXPECT_EQ(ran.out, absl::StrCat(field[4], ",", field[5], "\n")) << line;
    }
  }
  EXPECT_EQ(rows, 128);
}

TEST(PlanCommandTest, TheGraphDefaultsToTheTiers) {
  EXPECT_EQ(
      Veilsum("plan --clients 100 --corrupt 0.1 --dropout 0.3 --tier malicious --format=csv").out,
      "99,56\n");
  EXPECT_EQ(
      Veilsum("plan --clients 100 --corrupt 0.1 --dropout 0.3 --graph complete --format csv").out,
      "99,56\n");
  EXPECT_EQ(Veilsum("plan --clients 1000 --tier malicious --graph harary").code, kWrongUse);
}

TEST(PlanCommandTest, TellsPeopleWhatItGives) {
  const Ran ran =
      Veilsum("plan --clients 100 --corrupt 0.1 --dropout 0.3 --tier malicious --n-min 65");
  EXPECT_EQ(ran.code, kDone) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("100 clients, of which 10 may be corrupted and 30 may drop out"));
  EXPECT_THAT(ran.out, HasSubstr("threshold t          56 "));
  EXPECT_THAT(ran.out, HasSubstr("least honest inputs  55 "));
  EXPECT_THAT(ran.out, HasSubstr("dropouts tolerated   44 "));
  EXPECT_THAT(ran.out, HasSubstr("privacy fails        never "));
  EXPECT_THAT(ran.out, HasSubstr("at most 6 of them, in all, may be corrupted"));
  EXPECT_THAT(Veilsum("plan --clients 1000 --tier semi_honest").out,
              HasSubstr("privacy fails        2^-4"));
}

TEST(PlanCommandTest, SetsTheTiersSideBySide) {
  const Ran ran = Veilsum("plan --clients 1000");
  EXPECT_EQ(ran.code, kDone) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("tier                 malicious    semi_honest  semi_honest\n"));
  EXPECT_THAT(ran.out, HasSubstr("graph                complete     complete     harary\n"));
  EXPECT_THAT(ran.out, HasSubstr("min survivors        551          551          551"));
  EXPECT_THAT(ran.out, HasSubstr("least honest inputs  451          451          451"));
  EXPECT_THAT(ran.out, HasSubstr("at most 55 of them, in all, may be corrupted"));
  EXPECT_EQ(Veilsum("plan --clients 1000 --format csv").out, "999,551\n");
  // Where one of them cannot be had, the others are shown, and why.
  const Ran small = Veilsum("plan --clients 3");
  EXPECT_EQ(small.code, kDone) << small.err;
  EXPECT_THAT(small.out, HasSubstr("tier                 malicious    semi_honest\n"));
  EXPECT_THAT(small.out, HasSubstr("Not possible: no Harary graph of 3 clients"));
  EXPECT_EQ(Veilsum("plan --clients 3 --graph harary").code, kRefused);
  // csv is the first of them, or nothing.
  EXPECT_EQ(Veilsum("plan --clients 100 --corrupt 0.3 --dropout 0.35 --format csv").code, kRefused);
}

TEST(PlanCommandTest, WarnsWhenOneHonestInputMayBeLeft) {
  EXPECT_THAT(Veilsum("plan --clients 10 --corrupt 0.5 --graph complete --n-min 6").out,
              HasSubstr("Warning: malicious on the complete graph"));
  EXPECT_THAT(Veilsum("plan --clients 10").out, ::testing::Not(HasSubstr("Warning")));
  EXPECT_THAT(Veilsum("plan --clients 1001 --tier malicious").out, HasSubstr("at most 1000"));
}

TEST(PlanCommandTest, SpeaksJson) {
  const Ran ran = Veilsum("plan --clients 100 --corrupt 0.1 --tier malicious --format=json");
  const nlohmann::json plan = nlohmann::json::parse(ran.out);
  EXPECT_EQ(plan["k"], 99);
  EXPECT_EQ(plan["t"], 56);
  EXPECT_EQ(plan["graph"], "complete");
  EXPECT_TRUE(plan["log2_privacy_failure"].is_null());
  EXPECT_EQ(plan["corrupted_enrolled"], 5);
  const nlohmann::json all =
      nlohmann::json::parse(Veilsum("plan --clients 1000 --format=json").out);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[2]["graph"], "harary");
  const Ran refused = Veilsum("plan --clients 10 --dropout 0.9 --tier malicious --format=json");
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_EQ(nlohmann::json::parse(refused.err)["reason"], "INFEASIBLE_PARAMETERS");
}

TEST(PlanCommandTest, RefusesWhatMakesNoSense) {
  for (const char* line :
       {"plan", "plan --clients many", "plan --clients 10 --tier honest",
        "plan --clients 10 --corrupt 1.5", "plan --clients 1", "plan --clients 10 --format xml",
        "plan --clients 10 --min-survivors 1", "plan --clients -5", "plan --clients 10 extra",
        "plan --clients 5000000", "plan --clients 10 --corrupt nan", "fly", ""}) {
    const Ran ran = Veilsum(line);
    EXPECT_EQ(ran.code, kWrongUse) << line << "\n" << ran.out;
    EXPECT_EQ(ran.out, "") << line;
    EXPECT_NE(ran.err, "") << line;
  }
  const Ran few = Veilsum("plan --clients 10 --dropout 0.2 --tier malicious --min-survivors 9");
  EXPECT_EQ(few.code, kRefused);
  EXPECT_THAT(few.err, HasSubstr("only 8 of 10 clients"));
}

TEST(PlanCommandTest, HelpIsNoError) {
  EXPECT_EQ(Veilsum("--help").code, kDone);
  EXPECT_THAT(Veilsum("--help").out, HasSubstr("Exit codes"));
  EXPECT_THAT(Veilsum("plan --help").out, HasSubstr("--dropout"));
}

}  // namespace
}  // namespace veilsum::aggregator::cli
