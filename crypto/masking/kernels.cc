// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/masking/kernels.h"

#include <array>
#include <atomic>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "crypto/masking/portable_kernel.h"

namespace veilsum::crypto {
namespace {

const std::array<MaskKernel, 1>& Table() {
  static const std::array<MaskKernel, 1> table = {PortableKernel()};
  return table;
}

std::atomic<const MaskKernel*>& Active() {
  static std::atomic<const MaskKernel*> active = &Table().back();
  return active;
}

}  // namespace

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
