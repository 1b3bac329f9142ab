// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/config/identity_root.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "aggregator/files.h"
#include "crypto/certificates/identity_pem.h"
#include "crypto/identities/enrolment.h"
#include "crypto/identities/roster_file.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

using crypto::IdentityPublicKey;

absl::StatusOr<IdentityRoot> RootOfRoster(const std::string& file) {
  const absl::StatusOr<std::string> text = ReadFile(file);
  if (!text.ok()) return text.status();
  absl::StatusOr<crypto::RosterFile> roster = crypto::ParseRosterFile(*text, file);
  if (!roster.ok()) return WithReason(roster.status(), v1::REASON_INVALID_ARGUMENT);
  IdentityRoot root;
  root.roster_version = roster->version;
  root.identities = roster->names.size();
  const auto shared = std::make_shared<const crypto::RosterFile>(*std::move(roster));
  root.admits = [shared](const IdentityPublicKey& identity) {
    return shared->names.count(identity) != 0;
  };
  return root;
}

absl::StatusOr<IdentityRoot> RootOfAuthority(const std::string& file, uint64_t version) {
  const absl::StatusOr<std::string> pem = ReadFile(file);
  if (!pem.ok()) return pem.status();
  const absl::StatusOr<std::vector<IdentityPublicKey>> keys = crypto::ParseAuthorityPem(*pem);
  if (!keys.ok()) {
    return MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_INVALID_ARGUMENT,
                     absl::StrCat(file, ": ", keys.status().message(),
                                  "; identities.authority is the public key file that `veilsum "
                                  "enroll authority` makes"));
  }
  IdentityRoot root;
  root.roster_version = version;
  root.admits = [](const IdentityPublicKey&) { return true; };
  root.enrolment = [keys = *keys, version](const IdentityPublicKey& identity,
                                           absl::Span<const uint8_t> signature) {
    return crypto::CheckEnrolment(keys, identity, version, signature);
  };
  return root;
}

}  // namespace

absl::StatusOr<IdentityRoot> LoadIdentityRoot(const IdentitiesConfig& config) {
  if (!config.roster.empty()) return RootOfRoster(config.roster);
  if (!config.authority.empty()) return RootOfAuthority(config.authority, config.roster_version);
  IdentityRoot root;
  root.admits = [](const IdentityPublicKey&) { return true; };
  return root;
}

}  // namespace veilsum::aggregator
