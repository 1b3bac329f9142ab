// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Every client holds a file descriptor: are there enough of them?
#ifndef VEILSUM_AGGREGATOR_OPEN_FILES_H_
#define VEILSUM_AGGREGATOR_OPEN_FILES_H_

#include <cstdint>
#include <string>

namespace veilsum::aggregator {

// Raises the limit of open files of this process as far as it may by itself. How many it may have
// open from here on.
uint64_t RaiseOpenFiles();

// Empty if that many are enough for limits.max_connections; otherwise what is missing, and what to
// do.
std::string WarningOfOpenFiles(uint64_t open_files, uint64_t max_connections);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_OPEN_FILES_H_
