// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What operators ask.

#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregator/config/task_rules.h"
#include "aggregator/runtime/aggregator.h"
#include "aggregator/runtime/names.h"
#include "proto/cut_text.h"
#include "proto/limits.h"
#include "spdlog/spdlog.h"

namespace veilsum::aggregator {

void Aggregator::CreateTask(v1::Task task, Answer<v1::Task> answer) {
  // Planning a graph takes a while: on the caller's side of the strand, but not in its thread.
  asio::post(services_.executors.control(), [this, self = shared_from_this(),
                                             task = std::move(task), answer = std::move(answer)] {
    const absl::StatusOr<v1::Task> checked = CheckTask(task);
    if (!checked.ok()) return answer(checked.status());
    if (absl::Status fits = CheckFits(*checked, options_); !fits.ok()) return answer(fits);
    Post([this, self, task = *checked, answer] {
      if (tasks_.count(task.task_id()) + creating_.count(task.task_id()) != 0) {
        return answer(StatusFor(v1::REASON_ALREADY_EXISTS,
                                absl::StrCat("there is a task \"", task.task_id(), "\" already")));
      }
      if (tasks_.size() + creating_.size() >= limits::kMaxTasks) {
        return answer(StatusFor(v1::REASON_OVERLOADED,
                                absl::StrCat("there are ", tasks_.size(), " tasks already")));
      }
      if (absl::Status keeps_up = CheckKeepsUp(); !keeps_up.ok()) return answer(keeps_up);
      if (storage_.sessions == nullptr) {
        if (!stopped_) return AddCreated(task, absl::OkStatus(), answer);
        return answer(StatusFor(v1::REASON_SHUTDOWN, "the aggregator is starting again"));
      }
      creating_.insert(task.task_id());
      storage_.sessions->PutTask(
          {task.task_id(), task.SerializeAsString()},
          HeldOpen(services_.executors, [self, task, answer](const absl::Status& status) {
            self->Post([self, task, status, answer] { self->AddCreated(task, status, answer); });
          }));
    });
  });
}

void Aggregator::AddCreated(const v1::Task& task, const absl::Status& stored,
                            const Answer<v1::Task>& answer) {
  creating_.erase(task.task_id());
  if (!stored.ok()) return answer(stored);
  AddTask(task);
  spdlog::info("task {}: created", task.task_id());
  answer(tasks_.at(task.task_id()).task);
}

void Aggregator::GetTask(std::string task_id, Answer<v1::Task> answer) {
  Post([this, task_id = std::move(task_id), answer = std::move(answer)] {
    const auto task = FindTask(task_id);
    if (!task.ok()) return answer(task.status());
    answer((*task)->task);
  });
}

void Aggregator::ListTasks(Answer<v1::ListTasksResponse> answer) {
  Post([this, answer = std::move(answer)] {
    v1::ListTasksResponse response;
    for (const auto& [task_id, entry] : tasks_) *response.add_tasks() = entry.task;
    answer(std::move(response));
  });
}

void Aggregator::StartSession(v1::StartSessionRequest request, Answer<v1::Session> answer) {
  Post([this, request = std::move(request), answer = std::move(answer)] {
    const auto task = FindTask(request.task_id());
    if (!task.ok()) return answer(task.status());
    const size_t hash_bytes = request.model_hash().size();
    if (hash_bytes != 0 && hash_bytes != limits::kDigestBytes) {
      return answer(StatusFor(v1::REASON_INVALID_ARGUMENT,
                              absl::StrCat("model_hash: must be ", limits::kDigestBytes,
                                           " bytes or absent, is ", hash_bytes)));
    }
    if ((*task)->open != nullptr) {
      return answer(StatusFor(
          v1::REASON_ALREADY_EXISTS,
          absl::StrCat("session ", ShortId((*task)->open->session_id()),
                       "… of this task still takes clients; start the next one after that")));
    }
    if ((*task)->opening != nullptr) {
      return answer(StatusFor(v1::REASON_ALREADY_EXISTS,
                              "a session of this task is being opened; start the next one after "
                              "that"));
    }
    Open(**task, request.model_hash(),
         [answer](const absl::StatusOr<std::shared_ptr<SessionRuntime>>& session) {
           if (!session.ok()) return answer(session.status());
           answer(*(*session)->snapshot());
         });
  });
}

void Aggregator::ListSessions(v1::ListSessionsRequest request,
                              Answer<v1::ListSessionsResponse> answer) {
  Post([this, request = std::move(request), answer = std::move(answer)] {
    v1::ListSessionsResponse response;
    for (const auto& [session_id, entry] : session_list_) {
      const SessionSnapshot snapshot = entry.Snapshot();
      if (!request.task_id().empty() && snapshot->task_id() != request.task_id()) continue;
      if (response.sessions_size() == static_cast<int>(limits::kMaxListedSessions)) break;
      // GetSession has the clients; lists of thousands would be too long a message.
      *response.add_sessions() = WithoutClients(*snapshot);
    }
    answer(std::move(response));
  });
}

void Aggregator::GetSession(std::string session_id, Answer<v1::Session> answer) {
  Post([this, session_id = std::move(session_id), answer = std::move(answer)] {
    const auto entry = FindSession(session_id);
    if (!entry.ok()) return answer(entry.status());
    answer(*(*entry)->Snapshot());
  });
}

void Aggregator::AbortSession(v1::AbortSessionRequest request, Answer<v1::Session> answer) {
  Post([this, request = std::move(request), answer = std::move(answer)] {
    const auto entry = FindSession(request.session_id());
    if (!entry.ok()) return answer(entry.status());
    if (!(*entry)->running) {
      return answer(StatusFor(v1::REASON_LATE, "the session has ended already"));
    }
    std::string detail(CutText(request.detail(), limits::kMaxDetailBytes));
    if (detail.empty()) detail = "aborted by the operator";
    (*entry)->runtime->Abort(v1::REASON_ABORTED_BY_OPERATOR, std::move(detail),
                             [answer](const absl::StatusOr<SessionSnapshot>& last) {
                               last.ok() ? answer(**last) : answer(last.status());
                             });
  });
}

void Aggregator::GetResult(v1::GetResultRequest request, Answer<PackedSum> answer) {
  Post([this, request = std::move(request), answer = std::move(answer)] {
    const auto session = FindLiveSession(request.session_id());
    if (!session.ok()) return answer(session.status());
    (*session)->GetResult(answer);
  });
}

void Aggregator::WatchSession(std::string session_id, SessionWatcher watcher,
                              std::function<void(absl::Status)> answer) {
  Post([this, session_id = std::move(session_id), watcher = std::move(watcher),
        answer = std::move(answer)] {
    const auto entry = FindSession(session_id);
    if (!entry.ok()) return answer(entry.status());
    answer(absl::OkStatus());
    if ((*entry)->runtime != nullptr) return (*entry)->runtime->Watch(watcher);
    watcher((*entry)->last);
  });
}

}  // namespace veilsum::aggregator
