// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A child process with its standard input and output as lines. It dies with its parent.

#ifndef VEILSUM_EXAMPLES_DEMO_CHILD_PROCESS_H_
#define VEILSUM_EXAMPLES_DEMO_CHILD_PROCESS_H_

#include <sys/types.h>

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace veilsum::demo {

class ChildProcess {
 public:
  // argv[0] is the path of the binary; standard error goes to the end of `log_path`.
  static absl::StatusOr<ChildProcess> Start(std::vector<std::string> argv,
                                            const std::string& log_path);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();  // Kills it.

  bool alive() const { return pid_ > 0; }
  // False if the process no longer reads.
  bool Send(absl::string_view line);
  // The next line it has written, if there is one now.
  std::optional<std::string> NextLine();
  // Signal 9, and waits for its end.
  void Kill();
  // Waits for its end; the exit code, or 128 + the signal that ended it.
  int Signal(int signal_number);
  int output() const { return output_; }

 private:
  ChildProcess() = default;
  void Close();

  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  std::string partial_;
  std::deque<std::string> lines_;
};

// Waits until one of the children has written something, or for `milliseconds`.
void WaitForOutput(absl::Span<ChildProcess* const> children, int milliseconds);

}  // namespace veilsum::demo

#endif  // VEILSUM_EXAMPLES_DEMO_CHILD_PROCESS_H_
