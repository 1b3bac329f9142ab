// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The memory of an aggregator stays in it: no core files, and no reading by other processes.
#ifndef VEILSUM_AGGREGATOR_CORE_DUMPS_H_
#define VEILSUM_AGGREGATOR_CORE_DUMPS_H_

#include "absl/status/status.h"

namespace veilsum::aggregator {

// For this process, from here on: when it crashes nothing is written, to a file or through
// core_pattern's pipe, and only root may attach a debugger. What is in memory are shares and, for
// the time of the unmasking, seeds, which together with recorded uploads open inputs.
// An error with the system's reason where that fails.
absl::Status ForbidCoreDumps();

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_CORE_DUMPS_H_
