// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The lines of a small settings file: a subset of TOML that people can write by hand, any TOML
// tool can read, and that takes no library to parse. For this folder only.
//
//   # a comment
//   version = 3                 a whole number, no sign
//   name = "text"               no escapes; names are A-Z, a-z, 0-9, "_", "-", or in quotes
//   [table]                     the lines below belong to it
#ifndef VEILSUM_CRYPTO_IDENTITIES_SETTINGS_H_
#define VEILSUM_CRYPTO_IDENTITIES_SETTINGS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace veilsum::crypto::internal {

struct Setting {
  size_t line = 0;    // From 1.
  std::string table;  // Empty above the first [table].
  std::string key;
  std::string value;     // Without quotes.
  bool is_text = false;  // Was in quotes; else it is all digits.
};

// In the order of the file; no key twice in a table, no table twice. InvalidArgument naming file,
// line and what is expected there. Thread safe.
absl::StatusOr<std::vector<Setting>> ParseSettings(absl::string_view text, absl::string_view file);

// InvalidArgument "FILE:LINE: KEY TEXT", with the table before the key.
absl::Status SettingError(absl::string_view file, const Setting& setting, absl::string_view text);

// A roster version: a whole number from 1 on that TOML can hold.
absl::StatusOr<uint64_t> ReadVersion(absl::string_view file, const Setting& setting);

}  // namespace veilsum::crypto::internal

#endif  // VEILSUM_CRYPTO_IDENTITIES_SETTINGS_H_
