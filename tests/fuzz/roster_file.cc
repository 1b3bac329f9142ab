// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The roster file of a consortium.
#include "crypto/identities/roster_file.h"

#include <string>

#include "tests/fuzz/harness.h"

namespace veilsum::fuzz {

void FuzzOne(crypto::ByteSpan data) {
  const auto roster = crypto::ParseRosterFile(crypto::AsStringView(data), "roster.toml");
  if (!roster.ok()) return;
  Require(roster->version >= 1 && !roster->names.empty(), "a roster has a version and members");
  const auto again = crypto::ParseRosterFile(crypto::FormatRosterFile(*roster), "again.toml");
  Require(again.ok() && again->version == roster->version && again->names == roster->names,
          "a roster can be read back");
}

}  // namespace veilsum::fuzz
