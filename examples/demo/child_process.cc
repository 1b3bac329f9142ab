// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "examples/demo/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace veilsum::demo {
namespace {

// Only what is safe between fork and exec.
[[noreturn]] void Become(const std::vector<char*>& argv, int input, int output, int log) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  execv(argv[0], argv.data());
  _exit(127);
}

}  // namespace

absl::StatusOr<ChildProcess> ChildProcess::Start(std::vector<std::string> argv,
                                                 const std::string& log_path) {
  signal(SIGPIPE, SIG_IGN);  // A dead child shows as a failed write.
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe");
  if (pipe2(out, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe");
  const int log = open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) return absl::ErrnoToStatus(errno, log_path);

  std::vector<char*> arguments;
  for (std::string& argument : argv) arguments.push_back(argument.data());
  arguments.push_back(nullptr);

  const pid_t pid = fork();
  if (pid == 0) Become(arguments, in[0], out[1], log);
  const int error = errno;
  close(in[0]);
  close(out[1]);
  close(log);
  if (pid < 0) {
    close(in[1]);
    close(out[0]);
    return absl::ErrnoToStatus(error, absl::StrCat("starting ", argv[0]));
  }
  ChildProcess child;
  child.pid_ = pid;
  child.input_ = in[1];
  child.output_ = out[0];
  fcntl(child.output_, F_SETFL, O_NONBLOCK);
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept { *this = std::move(other); }

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this == &other) return *this;
  if (alive()) Kill();
  Close();
  pid_ = std::exchange(other.pid_, -1);
  input_ = std::exchange(other.input_, -1);
  output_ = std::exchange(other.output_, -1);
  partial_ = std::move(other.partial_);
  lines_ = std::move(other.lines_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (alive()) Kill();
  Close();
}

void ChildProcess::Close() {
  if (input_ >= 0) close(std::exchange(input_, -1));
  if (output_ >= 0) close(std::exchange(output_, -1));
}

bool ChildProcess::Send(absl::string_view line) {
  const std::string text = absl::StrCat(line, "\n");
  return input_ >= 0 &&
         write(input_, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::optional<std::string> ChildProcess::NextLine() {
  char buffer[4096];
  ssize_t got;
  while (output_ >= 0 && (got = read(output_, buffer, sizeof(buffer))) > 0) {
    partial_.append(buffer, static_cast<size_t>(got));
  }
  for (size_t end; (end = partial_.find('\n')) != std::string::npos;) {
    lines_.push_back(partial_.substr(0, end));
    partial_.erase(0, end + 1);
  }
  if (lines_.empty()) return std::nullopt;
  std::string line = std::move(lines_.front());
  lines_.pop_front();
  return line;
}

void ChildProcess::Kill() { Signal(SIGKILL); }

int ChildProcess::Signal(int signal_number) {
  if (!alive()) return 0;
  kill(pid_, signal_number);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  Close();
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void WaitForOutput(absl::Span<ChildProcess* const> children, int milliseconds) {
  std::vector<pollfd> waiting;
  for (const ChildProcess* child : children) {
    if (child->alive()) waiting.push_back({child->output(), POLLIN, 0});
  }
  poll(waiting.data(), waiting.size(), milliseconds);
}

}  // namespace veilsum::demo
