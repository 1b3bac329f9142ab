// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Whole files, with errors that name them.
#ifndef VEILSUM_AGGREGATOR_FILES_H_
#define VEILSUM_AGGREGATOR_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace veilsum::aggregator {

// INVALID_ARGUMENT naming the file and what the system says of it.
absl::StatusOr<std::string> ReadFile(const std::string& path);

enum class Access { kEverybody, kOwner };  // Modes 0644 and 0600, from the first byte on.

// ALREADY_EXISTS rather than overwrite anything.
absl::Status WriteNewFile(const std::string& path, absl::string_view contents, Access access);

// For results, which may be made again: replaces what is there.
absl::Status WriteFile(const std::string& path, absl::string_view contents);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_FILES_H_
