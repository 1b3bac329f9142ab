// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/reliability/aggregator_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asio.hpp>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace veilsum::reliability {
namespace {

constexpr absl::Duration kBetweenLooks = absl::Milliseconds(20);
constexpr int kCannotStart = 127;

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

void Pause(absl::Duration duration) { absl::SleepFor(duration); }

AggregatorProcess::~AggregatorProcess() {
  if (pid_ != 0) Kill();
}

void AggregatorProcess::Start(const std::vector<std::string>& environment) {
  std::vector<std::string> arguments = options_.before;
  arguments.push_back(options_.binary);
  arguments.push_back(absl::StrCat("--config=", options_.config_file));
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) variables.push_back(*variable);
  for (const auto* more : {&options_.environment, &environment}) {
    variables.insert(variables.end(), more->begin(), more->end());
  }
  const std::vector<char*> argv = Pointers(arguments);
  const std::vector<char*> envp = Pointers(variables);
  ending_.reset();
  pid_ = fork();
  if (pid_ < 0) std::abort();
  if (pid_ > 0) return;
  // Other threads of this process have stopped to exist, their locks have not: system calls only.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int log = open(options_.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log >= 0) {
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
  }
  // Asio's sockets would stay open in there when they are closed here, and nobody would hear of it.
  close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  execvpe(argv[0], argv.data(), envp.data());
  _exit(kCannotStart);
}

int AggregatorProcess::Readiness() const {
  asio::ip::tcp::iostream stream;
  stream.expires_after(std::chrono::seconds(2));
  stream.connect(asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), options_.admin_port));
  stream << "GET /readyz HTTP/1.0\r\n\r\n" << std::flush;
  std::string version;
  int code = 0;
  stream >> version >> code;
  return stream ? code : 0;
}

absl::Status AggregatorProcess::WaitUntilReady(absl::Duration at_most) {
  const absl::Time last = absl::Now() + at_most;
  while (absl::Now() < last) {
    if (Readiness() == 200) return absl::OkStatus();
    if (!running()) {
      return absl::AbortedError(absl::StrCat(
          "the aggregator ended: ",
          ending_.has_value()
              ? absl::StrCat("exit code ", ending_->exit_code, ", signal ", ending_->signal)
              : "it was never there"));
    }
    Pause(kBetweenLooks);
  }
  return absl::DeadlineExceededError("the aggregator does not get ready");
}

bool AggregatorProcess::Reap(bool wait) {
  if (pid_ == 0) return true;
  int status = 0;
  if (waitpid(pid_, &status, wait ? 0 : WNOHANG) != pid_) return false;
  pid_ = 0;
  ending_ = WIFEXITED(status) ? Ending{WEXITSTATUS(status), 0} : Ending{-1, WTERMSIG(status)};
  return true;
}

int AggregatorProcess::descriptors() const {
  std::error_code gone;
  const std::filesystem::directory_iterator open(absl::StrCat("/proc/", pid_, "/fd"), gone);
  return gone ? 0 : static_cast<int>(std::distance(begin(open), end(open)));
}

bool AggregatorProcess::running() { return !Reap(false); }

void AggregatorProcess::Signal(int number) {
  if (pid_ != 0) kill(pid_, number);
}

Ending AggregatorProcess::Kill() {
  Signal(SIGKILL);
  Reap(true);
  return ending_.value_or(Ending{});
}

absl::StatusOr<Ending> AggregatorProcess::WaitForEnd(absl::Duration at_most) {
  const absl::Time last = absl::Now() + at_most;
  while (!Reap(false)) {
    if (absl::Now() > last) return absl::DeadlineExceededError("the aggregator does not end");
    Pause(kBetweenLooks);
  }
  return ending_.value_or(Ending{});
}

}  // namespace veilsum::reliability
