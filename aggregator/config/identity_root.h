// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// From [identities] of the configuration to what the aggregator asks of a client. It is a courtesy:
// the clients hold the same roster or authority key and check for themselves (docs/protocol.md,
// "Identities").
#ifndef VEILSUM_AGGREGATOR_CONFIG_IDENTITY_ROOT_H_
#define VEILSUM_AGGREGATOR_CONFIG_IDENTITY_ROOT_H_

#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "aggregator/config/config.h"
#include "crypto/primitives/identity.h"

namespace veilsum::aggregator {

// The functions are pure, thread safe and own their data.
struct IdentityRoot {
  // May this identity take a seat? Never null. With an authority anybody may ask: what counts is
  // the signature in its entry.
  std::function<bool(const crypto::IdentityPublicKey&)> admits;
  // Does the authority vouch for this identity? The status's text is for the client. Null: there
  // is no authority.
  std::function<absl::Status(const crypto::IdentityPublicKey&, absl::Span<const uint8_t> signature)>
      enrolment;
  // For the sessions' headers; 0 where anybody may take part.
  uint64_t roster_version = 0;
  size_t identities = 0;  // Of a roster; 0: nobody knows how many there are.
};

// Reads the file that is named. INVALID_ARGUMENT naming it and what is wrong with it.
absl::StatusOr<IdentityRoot> LoadIdentityRoot(const IdentitiesConfig& config);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_CONFIG_IDENTITY_ROOT_H_
