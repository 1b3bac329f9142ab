// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/prepared_options.h"

#include <cmath>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client_sdk/state/memory_session_store.h"
#include "client_sdk/state/sqlite_session_store.h"
#include "crypto/certificates/certificate_authority.h"
#include "crypto/certificates/identity_pem.h"
#include "crypto/identities/enrolment.h"
#include "crypto/identities/roster_file.h"
#include "proto/reason_status.h"
#include "proto/validate.h"

namespace veilsum {
namespace {

absl::Status WithField(absl::string_view field, const absl::Status& status) {
  return CallerError(absl::StrCat(field, ": ", status.message()));
}

absl::Status NotEnrolled(absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_NOT_ENROLLED, text);
}

absl::Status CheckConnection(const ClientOptions& options) {
  if (options.target.empty()) return CallerError("target: must be the aggregator's host:port");
  if (options.target.find(':') == std::string::npos) {
    return CallerError(absl::StrCat("target: must be the aggregator's host:port, is \"",
                                    options.target, "\", without a port"));
  }
  if (absl::Status task = v1::ValidateTaskId(options.task); !task.ok()) {
    return WithField("task", task);
  }
  if (options.client_certificate_pem.empty() != options.client_key_pem.empty()) {
    return CallerError("client_certificate_pem and client_key_pem: give both or none");
  }
  if (options.insecure) {
    if (options.root_certificates_pem.empty() && options.client_key_pem.empty()) {
      return absl::OkStatus();
    }
    return CallerError("insecure: certificates have no use without TLS; leave out one of them");
  }
  for (const auto& [field, pem] : {std::pair<absl::string_view, const std::string&>(
                                       "root_certificates_pem", options.root_certificates_pem),
                                   {"client_certificate_pem", options.client_certificate_pem}}) {
    if (pem.empty()) continue;
    if (const auto parsed = crypto::NotAfter(pem); !parsed.ok()) {
      return WithField(field, parsed.status());
    }
  }
  if (options.client_key_pem.empty()) return absl::OkStatus();
  const absl::Status fits =
      crypto::CheckKeyFits(options.client_certificate_pem, options.client_key_pem);
  return fits.ok() ? fits : WithField("client_key_pem", fits);
}

absl::Status CheckPolicy(const ClientOptions& options) {
  const Policy& policy = options.policy;
  if (policy.least_tier == Tier::kMalicious && options.identities.empty() &&
      !policy.trust_aggregator_identities) {
    return CallerError(
        "identities: the malicious tier needs to know whose identities to believe in. Set it to "
        "the contents of the roster file, or of the enrolment authority's public key file, from "
        "elsewhere than the aggregator. Without one, policy.trust_aggregator_identities or "
        "policy.least_tier = Tier::kSemiHonest trusts the aggregator instead");
  }
  if (!(policy.least_corruption_rate >= 0 && policy.least_corruption_rate < 1)) {
    return CallerError("policy.least_corruption_rate: must be at least 0 and below 1");
  }
  return absl::OkStatus();
}

using client::EnrolmentAuthority;
using client::IdentityRoot;
using client::IdentityRoster;

// The authority's word for this client; its version is this client's roster version.
absl::StatusOr<IdentityRoot> AuthorityRoot(const ClientOptions& options,
                                           const crypto::IdentityPublicKey& self,
                                           const std::optional<crypto::Enrolment>& enrolment) {
  absl::StatusOr<std::vector<crypto::IdentityPublicKey>> keys =
      crypto::ParseAuthorityPem(options.identities);
  if (!keys.ok()) return WithField("identities", keys.status());
  if (!enrolment.has_value()) {
    return CallerError(
        "enrolment: where identities is an authority's key, it must be the authority's word for "
        "this client, as `veilsum enroll sign` writes it");
  }
  absl::Status signed_by_it =
      crypto::CheckEnrolment(*keys, self, enrolment->version, enrolment->signature.bytes());
  if (!signed_by_it.ok()) return NotEnrolled(absl::StrCat("enrolment: ", signed_by_it.message()));
  return EnrolmentAuthority{enrolment->version, *std::move(keys)};
}

absl::StatusOr<IdentityRoot> RosterRoot(const ClientOptions& options,
                                        const crypto::IdentityPublicKey& self) {
  const absl::StatusOr<crypto::RosterFile> file =
      crypto::ParseRosterFile(options.identities, "identities");
  if (!file.ok()) return CallerError(file.status().message());
  if (file->names.count(self) == 0) {
    return NotEnrolled(
        absl::StrCat("identities: the roster does not name this client's identity ", self.ToHex()));
  }
  IdentityRoster roster{file->version, {}};
  for (const auto& [identity, name] : file->names) roster.identities.insert(identity);
  return roster;
}

absl::Status PrepareIdentities(const ClientOptions& options, PreparedOptions& prepared) {
  const crypto::IdentityPublicKey& self = prepared.identity->public_key();
  std::optional<crypto::Enrolment> enrolment;
  if (!options.enrolment.empty()) {
    absl::StatusOr<crypto::Enrolment> parsed =
        crypto::ParseEnrolmentFile(options.enrolment, "enrolment");
    if (!parsed.ok()) return CallerError(parsed.status().message());
    if (!(parsed->identity == self)) {
      return CallerError(absl::StrCat("enrolment: is of ", parsed->identity.ToHex(),
                                      ", this client's identity is ", self.ToHex()));
    }
    enrolment = *std::move(parsed);
    prepared.enrolment_signature = crypto::ToString(enrolment->signature.bytes());
  }
  if (options.identities.empty()) return absl::OkStatus();
  absl::StatusOr<IdentityRoot> root = absl::StrContains(options.identities, "-----BEGIN")
                                          ? AuthorityRoot(options, self, enrolment)
                                          : RosterRoot(options, self);
  if (!root.ok()) return root.status();
  prepared.policy.identity_root = std::make_shared<const IdentityRoot>(*std::move(root));
  return absl::OkStatus();
}

client::SessionPolicy Wanted(const Policy& policy) {
  client::SessionPolicy wanted;
  wanted.least_tier =
      policy.least_tier == Tier::kMalicious ? v1::TIER_MALICIOUS : v1::TIER_SEMI_HONEST;
  wanted.least_min_survivors = policy.least_n_min;
  wanted.least_corruption_rate = policy.least_corruption_rate;
  wanted.most_corrupted = policy.most_corrupted;
  wanted.greatest_modulus_bits = policy.greatest_modulus_bits;
  wanted.expected = {policy.expected.dimension, policy.expected.clip, policy.expected.norm_clip,
                     policy.expected.quantisation_bits, policy.expected.max_weight};
  wanted.trust_aggregator_identities = policy.trust_aggregator_identities;
  wanted.accept_unbound_model = policy.accept_unbound_model;
  return wanted;
}

absl::StatusOr<std::shared_ptr<client::SessionStore>> OpenStore(const std::string& directory) {
  if (directory.empty()) return std::make_shared<client::MemorySessionStore>();
  absl::StatusOr<std::unique_ptr<client::SqliteSessionStore>> store =
      client::SqliteSessionStore::Open(directory);
  if (!store.ok()) return store.status();
  return *std::move(store);
}

}  // namespace

absl::Status CallerError(absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_INVALID_ARGUMENT, text);
}

absl::StatusOr<PreparedOptions> Prepare(const ClientOptions& options) {
  absl::Status valid = CheckConnection(options);
  if (valid.ok()) valid = CheckPolicy(options);
  if (!valid.ok()) return valid;
  absl::StatusOr<crypto::IdentityKeyPair> identity = crypto::ParseIdentityPem(options.identity_pem);
  if (!identity.ok()) return WithField("identity_pem", identity.status());
  PreparedOptions prepared;
  prepared.identity = std::make_shared<const crypto::IdentityKeyPair>(*std::move(identity));
  prepared.policy = Wanted(options.policy);
  valid = PrepareIdentities(options, prepared);
  if (!valid.ok()) return valid;
  absl::StatusOr<std::shared_ptr<client::SessionStore>> store = OpenStore(options.state_directory);
  if (!store.ok()) return store.status();
  prepared.store = *std::move(store);
  return prepared;
}

}  // namespace veilsum
