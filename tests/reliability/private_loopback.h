// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A network namespace for this process and those it starts, whose loopback can be taken down: then
// packets of connections that stand are lost without a word, as if a cable were pulled, and the
// kernel's own retransmissions have to find out. For tests only.
#ifndef VEILSUM_TESTS_RELIABILITY_PRIVATE_LOOPBACK_H_
#define VEILSUM_TESTS_RELIABILITY_PRIVATE_LOOPBACK_H_

#include <memory>

namespace veilsum::reliability {

// Not thread-safe.
class PrivateLoopback {
 public:
  // Before this process has other threads; what it had open stays where it was. Null where that
  // takes more rights than there are (CAP_SYS_ADMIN).
  static std::unique_ptr<PrivateLoopback> Enter();
  ~PrivateLoopback();
  PrivateLoopback(const PrivateLoopback&) = delete;
  PrivateLoopback& operator=(const PrivateLoopback&) = delete;

  // False: the system would not.
  bool Up(bool up);

 private:
  explicit PrivateLoopback(int socket) : socket_(socket) {}
  const int socket_;  // Of the namespace, to control it by.
};

}  // namespace veilsum::reliability

#endif  // VEILSUM_TESTS_RELIABILITY_PRIVATE_LOOPBACK_H_
