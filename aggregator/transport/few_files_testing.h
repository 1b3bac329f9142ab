// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// For tests of what happens when descriptors run out.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_FEW_FILES_TESTING_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_FEW_FILES_TESTING_H_

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace veilsum::aggregator {

// The number that the next file gets; below 0: there is none.
inline int NextDescriptor() {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (fd >= 0) ::close(fd);
  return fd;
}

// While it lives, the next free descriptor and `count` - 1 after it are the last ones.
class FewFiles {
 public:
  explicit FewFiles(int count) : first_(NextDescriptor()) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit low = {static_cast<rlim_t>(first_ + count), before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &low);
  }
  ~FewFiles() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  FewFiles(const FewFiles&) = delete;
  FewFiles& operator=(const FewFiles&) = delete;

  int first() const { return first_; }

 private:
  const int first_;
  rlimit before_{};
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_FEW_FILES_TESTING_H_
