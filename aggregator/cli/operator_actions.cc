// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/cli/operator_actions.h"

#include <algorithm>
#include <fstream>
#include <ostream>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "aggregator/cli/exit_code.h"
#include "aggregator/cli/progress_display.h"
#include "aggregator/cli/render.h"
#include "aggregator/cli/sum_decoder.h"
#include "aggregator/config/task_config.h"
#include "aggregator/files.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/transcript_hash.h"
#include "proto/limits.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator::cli {
namespace {

absl::Status WrongUse(absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_INVALID_ARGUMENT, text);
}

// Of a file of any size.
absl::StatusOr<std::string> FileDigest(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> chunk(1 << 20);
  crypto::Sha256Hasher hasher;
  while (file.read(chunk.data(), static_cast<std::streamsize>(chunk.size())) || file.gcount() > 0) {
    const auto size = static_cast<size_t>(file.gcount());
    hasher.Update(crypto::AsBytes(absl::string_view(chunk.data(), size)));
  }
  // A folder opens, but cannot be read.
  if (!file.is_open() || file.bad()) {
    return WrongUse(absl::StrCat("--model: cannot read ", path));
  }
  return crypto::ToString(hasher.Finish());
}

// "" where none is asked for.
absl::StatusOr<std::string> ModelHash(const OperatorFlags& flags) {
  if (!flags.model.empty()) return FileDigest(flags.model);
  const std::string& hex = flags.model_hash;
  const bool digits = std::all_of(hex.begin(), hex.end(), [](char c) {
    return absl::ascii_isxdigit(static_cast<unsigned char>(c));
  });
  if (!hex.empty() && (hex.size() != 2 * limits::kDigestBytes || !digits)) {
    return WrongUse(
        absl::StrCat("--model-hash is ", 2 * limits::kDigestBytes, " hexadecimal digits"));
  }
  return absl::HexStringToBytes(hex);
}

absl::Status Aborted(const v1::Session& session) {
  return MakeError(
      absl::StatusCode::kAborted, session.abort_reason(),
      absl::StrCat("session ", SessionId(session),
                   " was aborted and nothing of it was revealed: ", session.abort_detail()));
}

absl::Status Watch(OperatorClient& client, const std::string& session_id,
                   const OperatorFlags& flags, Console& console) {
  ProgressDisplay display(console, flags.json());
  v1::Session last;
  absl::Status status = client.WatchSession(session_id, [&](const v1::Session& session) {
    display.Show(session);
    last = session;
  });
  if (status.ok() && last.state() == v1::SESSION_STATE_ABORTED) return Aborted(last);
  return status;
}

// The completed session whose result is asked for.
absl::StatusOr<v1::Session> CompletedSession(OperatorClient& client, const OperatorFlags& flags,
                                             Console& console) {
  absl::StatusOr<v1::Session> session = client.FindSession(flags.session);
  if (!session.ok() || session->state() == v1::SESSION_STATE_COMPLETED) return session;
  if (session->state() == v1::SESSION_STATE_ABORTED) {
    if (!flags.json()) console.err << RefusalLines(*session, session->refusals_total());
    return Aborted(*session);
  }
  return MakeError(absl::StatusCode::kFailedPrecondition, v1::REASON_NOT_READY,
                   absl::StrCat("session ", SessionId(*session),
                                " has not ended yet; `veilsum session watch` waits for it"));
}

std::string ResultText(const v1::Session& session, const DecodedSum& sum) {
  constexpr size_t kShown = 8;
  std::string text =
      absl::StrCat("session ", SessionId(session), " of task ", Printable(session.task_id()), "\n",
                   session.included(), " inputs, weights ", sum.weight_sum, " in all, mean of ",
                   sum.mean.size(), " elements:\n");
  for (size_t i = 0; i < std::min(kShown, sum.mean.size()); ++i) {
    absl::StrAppendFormat(&text, " %.6g", sum.mean[i]);
  }
  const auto [least, most] = std::minmax_element(sum.mean.begin(), sum.mean.end());
  absl::StrAppendFormat(&text, "%s\nleast %.6g, greatest %.6g\n",
                        sum.mean.size() > kShown ? " …" : "", *least, *most);
  return text + RefusalLines(session, session.refusals_total());
}

// The sum in the format that was asked for.
absl::StatusOr<std::string> RenderResult(const std::string& packed, const v1::Session& session,
                                         const std::string& format) {
  const absl::StatusOr<DecodedSum> sum = DecodeSum(packed, session);
  if (!sum.ok()) return sum.status();
  if (format == "raw") return packed;
  if (format == "npy") return ToNpy(sum->mean);
  if (format == "csv") return ToCsv(sum->mean);
  if (format == "human") return ResultText(session, *sum);
  return Line({{"id", SessionId(session)},
               {"task", session.task_id()},
               {"included", session.included()},
               {"weight_sum", sum->weight_sum},
               {"mean", sum->mean}});
}

}  // namespace

absl::Status CreateTask(OperatorClient& client, const OperatorFlags& flags, Console& console) {
  const absl::StatusOr<std::string> text = ReadFile(flags.file);
  if (!text.ok()) return text.status();
  const absl::StatusOr<v1::Task> task = ParseTaskToml(*text, flags.file);
  if (!task.ok()) return task.status();
  const absl::StatusOr<v1::Task> created = client.CreateTask(*task);
  if (!created.ok()) return created.status();
  if (flags.json()) {
    console.out << Line(TaskJson(*created));
  } else {
    console.out << "created task " << Printable(created->task_id()) << ": "
                << created->vector().modulus_bits() << " bits an element\n";
  }
  return absl::OkStatus();
}

absl::Status ListTasks(OperatorClient& client, const OperatorFlags& flags, Console& console) {
  const absl::StatusOr<v1::ListTasksResponse> tasks = client.ListTasks();
  if (!tasks.ok()) return tasks.status();
  if (!flags.json()) {
    console.out << TaskTable(*tasks);
    return absl::OkStatus();
  }
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const v1::Task& task : tasks->tasks()) list.push_back(TaskJson(task));
  console.out << Line(list);
  return absl::OkStatus();
}

absl::Status ShowTask(OperatorClient& client, const OperatorFlags& flags, Console& console) {
  const absl::StatusOr<v1::Task> task = client.GetTask(flags.task);
  if (!task.ok()) return task.status();
  console.out << (flags.json() ? Line(TaskJson(*task)) : TaskText(*task));
  return absl::OkStatus();
}

absl::Status StartSession(OperatorClient& client, const OperatorFlags& flags, Console& console) {
  const absl::StatusOr<std::string> model_hash = ModelHash(flags);
  if (!model_hash.ok()) return model_hash.status();
  const absl::StatusOr<v1::Session> session = client.StartSession(flags.task, *model_hash);
  if (!session.ok()) return session.status();
  if (flags.watch) return Watch(client, session->session_id(), flags, console);
  console.out << (flags.json() ? Line(SessionJson(*session)) : SessionId(*session) + "\n");
  return absl::OkStatus();
}

absl::Status ListSessions(OperatorClient& client, const OperatorFlags& flags, Console& console) {
  const absl::StatusOr<v1::ListSessionsResponse> sessions = client.ListSessions(flags.task);
  if (!sessions.ok()) return sessions.status();
  if (!flags.json()) {
    console.out << SessionTable(*sessions);
    return absl::OkStatus();
  }
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const v1::Session& session : sessions->sessions()) list.push_back(SessionJson(session));
  console.out << Line(list);
  return absl::OkStatus();
}

absl::Status WatchSession(OperatorClient& client, const OperatorFlags& flags, Console& console) {
  const absl::StatusOr<v1::Session> session = client.FindSession(flags.session);
  if (!session.ok()) return session.status();
  return Watch(client, session->session_id(), flags, console);
}

absl::Status ShowResult(OperatorClient& client, const OperatorFlags& flags, Console& console) {
  const bool binary = flags.format == "npy" || flags.format == "raw";
  if (binary && flags.output.empty() && console.terminal) {
    return WrongUse(absl::StrCat("--format ", flags.format,
                                 " is not for a terminal: give --output FILE, or redirect"));
  }
  const absl::StatusOr<v1::Session> session = CompletedSession(client, flags, console);
  if (!session.ok()) return session.status();
  const absl::StatusOr<std::string> packed =
      client.GetResult(session->session_id(), session->result_bytes());
  if (!packed.ok()) return packed.status();
  const absl::StatusOr<std::string> text = RenderResult(*packed, *session, flags.format);
  if (!text.ok()) return text.status();
  if (!flags.output.empty()) return WriteFile(flags.output, *text);
  console.out << *text;
  return absl::OkStatus();
}

absl::Status AbortSession(OperatorClient& client, const OperatorFlags& flags, Console& console) {
  if (flags.session.empty()) return WrongUse("say which session to abort");
  absl::StatusOr<v1::Session> session = client.FindSession(flags.session);
  if (!session.ok()) return session.status();
  session = client.AbortSession(session->session_id(), flags.detail);
  if (!session.ok()) return session.status();
  console.out << (flags.json() ? Line(SessionJson(*session)) : EndText(*session) + "\n");
  return absl::OkStatus();
}

}  // namespace veilsum::aggregator::cli
