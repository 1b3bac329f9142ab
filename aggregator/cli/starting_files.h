// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Everything that a first session needs, as files yet to be written. No clock and no file; keys
// come from the system's randomness.
#ifndef VEILSUM_AGGREGATOR_CLI_STARTING_FILES_H_
#define VEILSUM_AGGREGATOR_CLI_STARTING_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/certificates/certificate_authority.h"
#include "crypto/primitives/secret.h"

namespace veilsum::aggregator::cli {

struct StartingRequest {
  uint32_t clients = 10;  // At least kLeastStartingClients.
  // Names and addresses of the server beside localhost, 127.0.0.1 and ::1.
  std::vector<std::string> hosts;
  // An enrolment authority vouches for the identities, instead of a roster file.
  bool authority = false;
  crypto::Validity validity;
};

// Of two inputs each client can read the other's; and one of the clients may be the aggregator's.
inline constexpr uint32_t kLeastStartingClients = 3;

// Addresses told from names.
crypto::ServerNames ServerNamesOf(const std::vector<std::string>& hosts);

struct StartingFile {
  std::string path;  // Relative.
  crypto::SecretBuffer contents;
  bool secret = false;  // For its owner's eyes.
};

// README, aggregator.toml, operator.toml, roster.toml (or enrolment/), tls/, and a folder for each
// client with all that it needs:
//   clients/NAME/identity.pem             its Ed25519 identity, private
//   clients/NAME/roster.toml              whose identities it believes in; or, with an authority,
//   clients/NAME/enrolment_authority.pem  the authority's public key, and
//   clients/NAME/enrolment.toml           its word for this client
//   clients/NAME/certificate.pem          for TLS
//   clients/NAME/private_key.pem          for TLS, private
//   clients/NAME/tls_authority.pem        who signed the server's certificate
// INVALID_ARGUMENT for a host that is neither a name nor an address.
absl::StatusOr<std::vector<StartingFile>> MakeStartingFiles(const StartingRequest& request);

}  // namespace veilsum::aggregator::cli

#endif  // VEILSUM_AGGREGATOR_CLI_STARTING_FILES_H_
