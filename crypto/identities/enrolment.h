// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Enrolment: an authority, which is not the aggregator, signs that an identity takes part in
// sessions of a roster version (docs/protocol.md, "Identities"). As a file:
//
//   identity = "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f"
//   version = 2
//   signature = "…"             128 hexadecimal digits
//
// It is no secret. The form is that of settings.h. The authority's public key is a PEM file
// (crypto/certificates/identity_pem.h, ParseAuthorityPem).
#ifndef VEILSUM_CRYPTO_IDENTITIES_ENROLMENT_H_
#define VEILSUM_CRYPTO_IDENTITIES_ENROLMENT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/identity.h"

namespace veilsum::crypto {

struct Enrolment {
  IdentityPublicKey identity;
  uint64_t version = 0;  // From 1 on.
  Signature signature;   // Of an authority; its bytes go into the entry.
};

// Everything here is pure and thread safe.

Enrolment SignEnrolment(const IdentityKeyPair& authority, const IdentityPublicKey& identity,
                        uint64_t version);

// Unauthenticated unless `signature` is that of one of the authorities for this identity and
// version. Wrong lengths are wrong signatures.
absl::Status CheckEnrolment(absl::Span<const IdentityPublicKey> authorities,
                            const IdentityPublicKey& identity, uint64_t version,
                            ByteSpan signature);

// `file` is the name for messages. InvalidArgument "FILE:LINE: …" saying what to do. The signature
// is not checked: that takes the authority's key.
absl::StatusOr<Enrolment> ParseEnrolmentFile(absl::string_view text, absl::string_view file);
std::string FormatEnrolmentFile(const Enrolment& enrolment);

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_IDENTITIES_ENROLMENT_H_
