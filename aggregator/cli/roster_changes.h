// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A roster's next version: who is added, who has a new key, who is out. Pure.
#ifndef VEILSUM_AGGREGATOR_CLI_ROSTER_CHANGES_H_
#define VEILSUM_AGGREGATOR_CLI_ROSTER_CHANGES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/identities/roster_file.h"

namespace veilsum::aggregator::cli {

struct NamedIdentity {
  std::string name;
  crypto::IdentityPublicKey identity;
};

struct RosterChanges {
  std::vector<NamedIdentity> add;
  std::vector<NamedIdentity> rotate;  // A new key under a name that is there.
  std::vector<std::string> revoke;
};

// All changes as one version: `before` and one more. Revoked first, then rotated, then added.
// INVALID_ARGUMENT saying what to do: no change, a name or an identity that is there already or is
// not there, nobody left.
absl::StatusOr<crypto::RosterFile> ChangeRoster(const crypto::RosterFile& before,
                                                const RosterChanges& changes);

}  // namespace veilsum::aggregator::cli

#endif  // VEILSUM_AGGREGATOR_CLI_ROSTER_CHANGES_H_
