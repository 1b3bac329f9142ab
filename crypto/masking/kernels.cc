// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/masking/kernels.h"

#include <atomic>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "crypto/masking/portable_kernel.h"

#if defined(__x86_64__)
#include <hwy/targets.h>

#include "crypto/masking/aes_kernels.h"
#endif

namespace veilsum::crypto {
namespace {

// The order of preference: the last row that the processor supports is taken.
std::vector<MaskKernel> KernelsOfThisProcessor() {
  std::vector<MaskKernel> kernels = {PortableKernel()};
#if defined(__x86_64__)
  for (const AesKernel& row : {AesNiKernel(), VaesAvx512Kernel()}) {
    if ((hwy::SupportedTargets() & row.target) != 0) kernels.push_back(row.kernel);
  }
#endif
  return kernels;
}

const std::vector<MaskKernel>& Table() {
  static const std::vector<MaskKernel> table = KernelsOfThisProcessor();
  return table;
}

std::atomic<const MaskKernel*>& Active() {
  static std::atomic<const MaskKernel*> active = &Table().back();
  return active;
}

}  // namespace

void ScheduleKey(StreamKey& stream) {
  // Fails for key lengths that do not exist only.
  AES_set_encrypt_key(stream.key.data(), 8 * stream.key.size(), &stream.schedule);
#if defined(__x86_64__)
  ExpandRoundKeys(stream);
#endif
}

absl::Span<const MaskKernel> Kernels() { return Table(); }

const MaskKernel& ActiveKernel() { return *Active().load(std::memory_order_relaxed); }

absl::Status SelectKernel(absl::string_view name) {
  for (const MaskKernel& kernel : Table()) {
    if (kernel.name != name) continue;
    Active().store(&kernel, std::memory_order_relaxed);
    return absl::OkStatus();
  }
  const auto append_name = [](std::string* out, const MaskKernel& kernel) {
    absl::StrAppend(out, kernel.name);
  };
  return absl::NotFoundError(
      absl::StrCat("this processor has no mask kernel \"", name,
                   "\"; choose one of: ", absl::StrJoin(Table(), ", ", append_name)));
}

}  // namespace veilsum::crypto
