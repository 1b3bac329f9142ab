// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The roster file: who may take part, in which version. A consortium keeps it where the aggregator
// cannot change it; clients and aggregator read the same file.
//
//   version = 2
//
//   [identities]
//   hospital-1 = "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f"
//
// Each change of the identities makes a new version, so that nobody takes part in a session with
// others than the ones it believes in. The names are for people; only the keys matter. The file is
// TOML, of the simple kind in settings.h: comments with #, one setting on a line, no escapes.
#ifndef VEILSUM_CRYPTO_IDENTITIES_ROSTER_FILE_H_
#define VEILSUM_CRYPTO_IDENTITIES_ROSTER_FILE_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "crypto/primitives/identity.h"

namespace veilsum::crypto {

struct RosterFile {
  uint64_t version = 0;                            // From 1 on.
  std::map<IdentityPublicKey, std::string> names;  // By identity; at least one.
};

// `file` is the name for messages. InvalidArgument "FILE:LINE: …" saying what to do: not of the
// form above, no version, no identity, a line that is no public key, a key or a name twice. Pure
// and thread safe.
absl::StatusOr<RosterFile> ParseRosterFile(absl::string_view text, absl::string_view file);

// What ParseRosterFile reads, with a heading for people, sorted by name. Names that cannot stand in
// the file (IsRosterName) must not be in it.
std::string FormatRosterFile(const RosterFile& roster);

// 1 to 100 printable characters without '"' and '\'.
bool IsRosterName(absl::string_view name);

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_IDENTITIES_ROSTER_FILE_H_
