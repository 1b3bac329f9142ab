// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/reliability/private_loopback.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

namespace veilsum::reliability {

std::unique_ptr<PrivateLoopback> PrivateLoopback::Enter() {
  if (unshare(CLONE_NEWNET) != 0) return nullptr;
  const int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (control < 0) return nullptr;
  std::unique_ptr<PrivateLoopback> loopback(new PrivateLoopback(control));
  return loopback->Up(true) ? std::move(loopback) : nullptr;
}

PrivateLoopback::~PrivateLoopback() { close(socket_); }

bool PrivateLoopback::Up(bool up) {
  ifreq request{.ifr_ifrn = {.ifrn_name = "lo"}, .ifr_ifru = {}};
  if (ioctl(socket_, SIOCGIFFLAGS, &request) != 0) return false;
  const int flags = request.ifr_flags;
  request.ifr_flags = static_cast<short>(up ? flags | IFF_UP : flags & ~IFF_UP);
  return ioctl(socket_, SIOCSIFFLAGS, &request) == 0;
}

}  // namespace veilsum::reliability
