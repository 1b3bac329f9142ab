// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/cli/render.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "aggregator/cli/exit_code.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator::cli {
namespace {

using Json = nlohmann::ordered_json;

// An enumerator as configuration files and labels spell it: TIER_SEMI_HONEST is "semi_honest".
std::string Spell(absl::string_view enumerator, absl::string_view prefix) {
  return absl::AsciiStrToLower(absl::StripPrefix(enumerator, prefix));
}
std::string Spell(v1::Round round) { return Spell(v1::Round_Name(round), "ROUND_"); }
std::string Spell(v1::SessionState state) {
  return Spell(v1::SessionState_Name(state), "SESSION_STATE_");
}
std::string Words(const std::string& spelt) { return absl::StrReplaceAll(spelt, {{"_", " "}}); }

std::string Hex(absl::string_view bytes) { return absl::BytesToHexString(bytes); }

// 0.1f as 0.1, not as the double nearest to it.
double Short(float value) {
  double shortest = 0;
  return absl::SimpleAtod(absl::StrCat(value), &shortest) ? shortest : value;
}

std::string Seconds(uint64_t milliseconds) {
  return absl::StrFormat("%.1f s", static_cast<double>(milliseconds) / 1000);
}

// What clients send in the phase.
absl::string_view Answers(v1::SessionState state) {
  switch (state) {
    case v1::SESSION_STATE_ADVERTISE_KEYS:
      return "advertised keys";
    case v1::SESSION_STATE_SHARE_KEYS:
      return "shared keys";
    case v1::SESSION_STATE_MASKED_INPUT_COLLECTION:
      return "masked inputs";
    case v1::SESSION_STATE_CONSISTENCY_CHECK:
      return "consistency signatures";
    case v1::SESSION_STATE_UNMASKING:
      return "unmask answers";
    default:
      return "answers";
  }
}

Json PolicyJson(const v1::PhasePolicy& policy) {
  return {{"least_ms", policy.least_ms()},
          {"deadline_ms", policy.deadline_ms()},
          {"target_fraction", policy.target_fraction()}};
}

// Columns as wide as their widest cell; the first row is the head.
std::string Table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppendFormat(&line, "%-*s", static_cast<int>(widths[i] + 2), row[i]);
    }
    absl::StrAppend(&text, absl::StripTrailingAsciiWhitespace(line), "\n");
  }
  return text;
}

// Who left by its own decision is among the dropouts too.
std::string Dropped(const v1::Session& session) {
  std::string text = absl::StrCat(session.dropouts_size(), " dropped");
  if (session.refusals_total() != 0) {
    absl::StrAppend(&text, ", ", session.refusals_total(), " refused");
  }
  return text;
}

// What a client wrote, on one line and in quotes.
std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::StrReplaceAll(Printable(text), {{"\n", " "}, {"\"", "'"}}), "\"");
}

}  // namespace

std::string SessionId(const v1::Session& session) { return Hex(session.session_id()); }

Json TaskJson(const v1::Task& task) {
  const v1::VectorSpec& vector = task.vector();
  return {{"id", task.task_id()},
          {"dimension", vector.dimension()},
          {"clip", Short(vector.clip())},
          {"norm_clip", Short(vector.norm_clip())},
          {"quantisation_bits", vector.quantisation_bits()},
          {"max_weight", vector.max_weight()},
          {"modulus_bits", vector.modulus_bits()},
          {"tier", Spell(v1::Tier_Name(task.tier()), "TIER_")},
          {"graph", Spell(v1::GraphRule_Name(task.graph()), "GRAPH_RULE_")},
          {"corruption_rate", task.corruption_rate()},
          {"dropout_rate", task.dropout_rate()},
          {"min_survivors", task.min_survivors()},
          {"max_clients", task.max_clients()},
          {"audience", Spell(v1::Audience_Name(task.audience()), "AUDIENCE_")},
          {"sessions_on_demand", task.sessions_on_demand()},
          {"advertise_keys", PolicyJson(task.advertise_keys())},
          {"share_keys", PolicyJson(task.share_keys())},
          {"masked_input", PolicyJson(task.masked_input())},
          {"consistency_check", PolicyJson(task.consistency_check())},
          {"unmasking", PolicyJson(task.unmasking())},
          {"roster_version", task.roster_version()},
          {"sessions_started", task.sessions_started()},
          {"sessions_completed", task.sessions_completed()}};
}

Json SessionJson(const v1::Session& session) {
  Json phases = Json::array();
  for (const v1::PhaseReport& phase : session.phases()) {
    phases.push_back({{"phase", Spell(phase.round())},
                      {"answered", phase.answered()},
                      {"duration_ms", phase.duration_ms()}});
  }
  Json dropouts = Json::array();
  for (const v1::Dropout& dropout : session.dropouts()) {
    dropouts.push_back({{"identity", Hex(dropout.identity())},
                        {"phase", Spell(dropout.round())},
                        {"reason", std::string(ReasonName(dropout.reason()))},
                        {"detail", dropout.detail()}});
  }
  Json refusals = Json::array();
  for (const v1::Refusal& refusal : session.refusals()) {
    refusals.push_back({{"identity", Hex(refusal.identity())},
                        {"phase", Spell(refusal.round())},
                        {"reason", std::string(ReasonName(refusal.reason()))},
                        {"detail", refusal.detail()}});
  }
  Json included = Json::array();
  for (const std::string& identity : session.included_identities()) {
    included.push_back(Hex(identity));
  }
  return {{"id", SessionId(session)},
          {"task", session.task_id()},
          {"state", Spell(session.state())},
          {"answered", session.answered()},
          {"expected", session.expected()},
          {"clients", session.clients()},
          {"degree", session.degree()},
          {"threshold", session.threshold()},
          {"elapsed_ms", session.elapsed_ms()},
          {"phases", phases},
          {"dropouts", dropouts},
          {"refusals", refusals},
          {"refusals_total", session.refusals_total()},
          {"abort_reason", std::string(ReasonName(session.abort_reason()))},
          {"abort_detail", session.abort_detail()},
          {"included", session.included()},
          {"included_identities", included},
          {"result_digest", Hex(session.result_digest())},
          {"result_bytes", session.result_bytes()},
          {"model_hash", Hex(session.header().model_hash())},
          {"tier", Spell(v1::Tier_Name(session.header().tier()), "TIER_")},
          {"roster_version", session.header().roster_version()}};
}

std::string Line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string TaskText(const v1::Task& task) {
  std::string text;
  const Json json = TaskJson(task);
  for (const auto& [key, value] : json.items()) {
    if (value.is_object()) {
      absl::StrAppendFormat(&text, "%-20s closes after %s, or with %g %% of the answers after %s\n",
                            key, Seconds(value["deadline_ms"].get<uint64_t>()),
                            100 * value["target_fraction"].get<double>(),
                            Seconds(value["least_ms"].get<uint64_t>()));
    } else {
      const std::string shown = value.is_string() ? value.get<std::string>() : value.dump();
      absl::StrAppendFormat(&text, "%-20s %s\n", key, Printable(shown));
    }
  }
  return text;
}

std::string TaskTable(const v1::ListTasksResponse& tasks) {
  if (tasks.tasks().empty()) return "There are no tasks; `veilsum task create FILE` makes one.\n";
  std::vector<std::vector<std::string>> rows = {
      {"TASK", "DIMENSION", "CLIENTS", "MIN SURVIVORS", "TIER", "GRAPH", "COMPLETED"}};
  for (const v1::Task& task : tasks.tasks()) {
    rows.push_back({Printable(task.task_id()), absl::StrCat(task.vector().dimension()),
                    absl::StrCat(task.max_clients()), absl::StrCat(task.min_survivors()),
                    Spell(v1::Tier_Name(task.tier()), "TIER_"),
                    Spell(v1::GraphRule_Name(task.graph()), "GRAPH_RULE_"),
                    absl::StrCat(task.sessions_completed(), " of ", task.sessions_started())});
  }
  return Table(rows);
}

std::string SessionTable(const v1::ListSessionsResponse& sessions) {
  if (sessions.sessions().empty()) return "There has been no session yet.\n";
  std::vector<std::vector<std::string>> rows = {
      {"SESSION", "TASK", "STATE", "CLIENTS", "INCLUDED", "TIME"}};
  for (const v1::Session& session : sessions.sessions()) {
    std::string state = Spell(session.state());
    if (session.state() == v1::SESSION_STATE_ABORTED) {
      absl::StrAppend(&state, " (", ReasonName(session.abort_reason()), ")");
    }
    rows.push_back({SessionId(session), Printable(session.task_id()), state,
                    absl::StrCat(session.clients()), absl::StrCat(session.included()),
                    Seconds(session.elapsed_ms())});
  }
  return Table(rows);
}

std::string ProgressText(const v1::Session& session) {
  std::string text = absl::StrCat(session.answered(), " of ", session.expected(), " ",
                                  Answers(session.state()), ", ", Dropped(session));
  if (session.threshold() != 0) absl::StrAppend(&text, ", threshold ", session.threshold());
  return text;
}

std::string PhaseText(const v1::PhaseReport& phase, uint32_t expected) {
  std::string answered = absl::StrCat(phase.answered());
  if (expected != 0) absl::StrAppend(&answered, " of ", expected);
  return absl::StrCat(Words(Spell(phase.round())), ": ", answered, " answered in ",
                      Seconds(phase.duration_ms()));
}

std::string EndText(const v1::Session& session) {
  if (session.state() == v1::SESSION_STATE_COMPLETED) {
    return absl::StrCat("completed: ", session.included(), " inputs in the sum, ", Dropped(session),
                        ", ", Seconds(session.elapsed_ms()));
  }
  return absl::StrCat("aborted (", ReasonName(session.abort_reason()), ") after ",
                      Seconds(session.elapsed_ms()), ", ", Dropped(session));
}

std::string RefusalLines(const v1::Session& session, uint64_t count) {
  constexpr size_t kShownIdentityDigits = 8;
  std::string text;
  const int size = session.refusals_size();
  const int first = size - static_cast<int>(std::min<uint64_t>(count, size));
  for (int i = first; i < size; ++i) {
    const v1::Refusal& refusal = session.refusals(i);
    absl::StrAppend(&text, "client ", Hex(refusal.identity()).substr(0, kShownIdentityDigits),
                    " refused in ", Words(Spell(refusal.round())), " (",
                    ReasonName(refusal.reason()), "): ", Quoted(refusal.detail()), "\n");
  }
  return text;
}

}  // namespace veilsum::aggregator::cli
