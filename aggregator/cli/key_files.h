// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Files with keys and certificates: never overwritten, and private ones for their owner alone.
#ifndef VEILSUM_AGGREGATOR_CLI_KEY_FILES_H_
#define VEILSUM_AGGREGATOR_CLI_KEY_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "crypto/primitives/secret.h"

namespace veilsum::aggregator::cli {

// ALREADY_EXISTS, saying what to do, if something is there.
absl::Status CheckNewFile(const std::string& path);

// Mode 0600 from the first byte on. Errors as CheckNewFile.
absl::Status WriteNewKeyFile(const std::string& path, const crypto::SecretBuffer& contents);
absl::Status WriteNewPublicFile(const std::string& path, absl::string_view contents);

// What is there stays whole until the new contents are.
absl::Status ReplaceFile(const std::string& path, absl::string_view contents);

// No copy of the contents is left in memory but the one returned. INVALID_ARGUMENT naming the file,
// also for one too large to be a key.
absl::StatusOr<crypto::SecretBuffer> ReadKeyFile(const std::string& path);

}  // namespace veilsum::aggregator::cli

#endif  // VEILSUM_AGGREGATOR_CLI_KEY_FILES_H_
