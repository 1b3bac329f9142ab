// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The roster file: who may take part. A TOML file whose one table, [identities], has a name and an
// Ed25519 public key in hexadecimal on each line:
//
//   [identities]
//   hospital-1 = "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f"
#ifndef VEILSUM_AGGREGATOR_CONFIG_ROSTER_H_
#define VEILSUM_AGGREGATOR_CONFIG_ROSTER_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "crypto/primitives/identity.h"

namespace veilsum::aggregator {

// Names by key. The names are for people; only the keys matter.
using IdentityNames = std::map<crypto::IdentityPublicKey, std::string>;

// INVALID_ARGUMENT naming file, line and name: no TOML, no key, a key twice, an empty roster.
absl::StatusOr<IdentityNames> ParseIdentities(absl::string_view text, absl::string_view file);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_CONFIG_ROSTER_H_
