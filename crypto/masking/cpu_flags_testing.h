// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What the operating system says of the processor: not what the tables of kernels go by.

#ifndef VEILSUM_CRYPTO_MASKING_CPU_FLAGS_TESTING_H_
#define VEILSUM_CRYPTO_MASKING_CPU_FLAGS_TESTING_H_

#include <algorithm>
#include <fstream>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace veilsum::crypto {

class CpuFlags {
 public:
  CpuFlags() {
    std::ifstream file("/proc/cpuinfo");
    std::string line;
    while (std::getline(file, line) && !absl::StartsWith(line, "flags")) {
    }
    flags_ = absl::StrSplit(line, ' ');
  }

  bool Has(std::initializer_list<absl::string_view> flags) const {
    return std::all_of(flags.begin(), flags.end(), [&](absl::string_view flag) {
      return std::find(flags_.begin(), flags_.end(), flag) != flags_.end();
    });
  }

 private:
  std::vector<std::string> flags_;
};

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_MASKING_CPU_FLAGS_TESTING_H_
