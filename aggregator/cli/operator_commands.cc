// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The flags of `veilsum task …` and `veilsum session …`.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aggregator/cli/command.h"
#include "aggregator/cli/operator_actions.h"

namespace veilsum::aggregator::cli {
namespace {

using Action = absl::Status (*)(OperatorClient&, const OperatorFlags&, Console&);
using Flags = std::shared_ptr<OperatorFlags>;

class OperatorCommands {
 public:
  OperatorCommands(Flags flags, Chosen& chosen) : flags_(std::move(flags)), chosen_(chosen) {}

  void AddTo(CLI::App& app) {
    CLI::App* task = app.add_subcommand("task", "Make and look at tasks");
    task->require_subcommand(1);
    AddTaskCommands(*task);
    CLI::App* session = app.add_subcommand("session", "Run sessions of a task");
    session->require_subcommand(1);
    AddSessionCommands(*session);
  }

 private:
  void AddTaskCommands(CLI::App& task) {
    CLI::App* create = Add(task, "create", "Make a task from a file", CreateTask);
    create->add_option("file", flags_->file, "TOML with the keys of a [[task]] table")->required();
    Add(task, "list", "All tasks", ListTasks);
    CLI::App* show = Add(task, "show", "One task with all its settings", ShowTask);
    show->add_option("id", flags_->task, "The task's id")->required();
  }

  void AddSessionCommands(CLI::App& session) {
    CLI::App* start = Add(session, "start", "Open a session; prints its id", StartSession);
    start->add_option("--task", flags_->task, "The task's id")->required();
    CLI::Option* model =
        start->add_option("--model", flags_->model,
                          "The file of the model that clients train: they refuse a session for "
                          "another one");
    start
        ->add_option("--model-hash", flags_->model_hash,
                     "Instead of the file its SHA-256, in hexadecimal")
        ->excludes(model);
    start->add_flag("--watch", flags_->watch, "Stay and watch it");
    CLI::App* list = Add(session, "list", "Sessions, newest first", ListSessions);
    list->add_option("--task", flags_->task, "Of this task only");
    AddId(*Add(session, "watch", "Follow a session until it ends", WatchSession));
    CLI::App* result = Add(session, "result", "The mean of a completed session", ShowResult,
                           {"human", "json", "csv", "npy", "raw"});
    AddId(*result);
    result->add_option("--output", flags_->output, "A file to write to, instead of the terminal");
    CLI::App* abort =
        Add(session, "abort", "End a session; nothing of it is revealed", AbortSession);
    AddId(*abort)->required();
    abort->add_option("--detail", flags_->detail, "Why, for the clients");
  }

  CLI::Option* AddId(CLI::App& command) {
    return command.add_option("id", flags_->session,
                              "The session's id, or how it begins (default: the newest)");
  }

  CLI::App* Add(CLI::App& parent, const char* name, const char* what, Action action,
                const std::vector<std::string>& formats = {"human", "json"}) {
    CLI::App* command = parent.add_subcommand(name, what);
    ConnectionFlags& connection = flags_->connection;
    constexpr char kGroup[] = "Connection (also VEILSUM_CONFIG, VEILSUM_OPERATOR, …)";
    command
        ->add_option("--config", connection.config,
                     "A file with the flags below (default: operator.toml, if it exists)")
        ->group(kGroup);
    command->add_option("--operator", connection.address, "The aggregator's operator address")
        ->group(kGroup);
    command->add_option("--ca", connection.ca, "PEM: who signed the aggregator's certificate")
        ->group(kGroup);
    command->add_option("--certificate", connection.certificate, "PEM: the operator's certificate")
        ->group(kGroup);
    command->add_option("--key", connection.key, "PEM: its private key")->group(kGroup);
    command->add_flag("--insecure", connection.insecure, "No TLS, for trials on one machine")
        ->group(kGroup);
    command->add_option("--format", flags_->format, "How to print")
        ->check(CLI::IsMember(formats))
        ->capture_default_str();
    command->callback([flags = flags_, &chosen = chosen_, action] {
      chosen.json = flags->json();
      chosen.run = [flags, action](Console& console) {
        absl::StatusOr<Connection> connection = ResolveConnection(flags->connection);
        if (!connection.ok()) return connection.status();
        absl::StatusOr<OperatorClient> client = OperatorClient::Open(*connection);
        if (!client.ok()) return client.status();
        return action(*client, *flags, console);
      };
    });
    return command;
  }

  const Flags flags_;
  Chosen& chosen_;
};

}  // namespace

void AddOperatorCommands(CLI::App& app, Chosen& chosen) {
  OperatorCommands(std::make_shared<OperatorFlags>(), chosen).AddTo(app);
}

}  // namespace veilsum::aggregator::cli
