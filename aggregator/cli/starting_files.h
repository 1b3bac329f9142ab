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
  uint32_t clients = 10;
  // Names and addresses of the server beside localhost, 127.0.0.1 and ::1.
  std::vector<std::string> hosts;
  crypto::Validity validity;
};

struct StartingFile {
  std::string path;  // Relative.
  crypto::SecretBuffer contents;
  bool secret = false;  // For its owner's eyes.
};

// aggregator.toml, operator.toml, identities.toml, tls/ and a folder for each client:
//   clients/NAME/identity.pem     its Ed25519 identity, private
//   clients/NAME/certificate.pem  for TLS
//   clients/NAME/private_key.pem  for TLS
// INVALID_ARGUMENT for a host that is neither a name nor an address.
absl::StatusOr<std::vector<StartingFile>> MakeStartingFiles(const StartingRequest& request);

}  // namespace veilsum::aggregator::cli

#endif  // VEILSUM_AGGREGATOR_CLI_STARTING_FILES_H_
