// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Every label that separates one use of a hash, KDF, signature or AEAD from another, with the
// version of the protocol. Two uses never share a label. A change of what is hashed under a label
// is a change of the protocol: raise the version.

#ifndef VEILSUM_CRYPTO_PRIMITIVES_LABELS_H_
#define VEILSUM_CRYPTO_PRIMITIVES_LABELS_H_

#include "absl/strings/string_view.h"

namespace veilsum::crypto {

// What a session is: hashes that everyone in it computes.
inline constexpr absl::string_view kLabelHeaderHash = "veilsum/1 header";
inline constexpr absl::string_view kLabelEntryHash = "veilsum/1 entry";
inline constexpr absl::string_view kLabelRosterRoot = "veilsum/1 roster root";
inline constexpr absl::string_view kLabelTranscript = "veilsum/1 transcript";
inline constexpr absl::string_view kLabelSurvivorRoot = "veilsum/1 survivor root";
inline constexpr absl::string_view kLabelGraphSeed = "veilsum/1 graph";
inline constexpr absl::string_view kLabelSelfMaskCommitment = "veilsum/1 b commitment";

// What a dealer is bound to.
inline constexpr absl::string_view kLabelShareDigest = "veilsum/1 share digest";

// Keys and seeds from one client's session secret.
inline constexpr absl::string_view kLabelChannelKey = "veilsum/1 channel key";
inline constexpr absl::string_view kLabelMaskPrivateSeed = "veilsum/1 m";
inline constexpr absl::string_view kLabelSelfMaskSeed = "veilsum/1 b";
inline constexpr absl::string_view kLabelPolynomials = "veilsum/1 polynomials";
inline constexpr absl::string_view kLabelRounding = "veilsum/1 rounding";

// Keys and seeds from m, from b and from agreements; associated data.
inline constexpr absl::string_view kLabelMaskKey = "veilsum/1 mask key";
inline constexpr absl::string_view kLabelShareKey = "veilsum/1 share key";
inline constexpr absl::string_view kLabelShareAssociatedData = "veilsum/1 share";
inline constexpr absl::string_view kLabelPairwiseMask = "veilsum/1 pairwise mask";
inline constexpr absl::string_view kLabelSelfMask = "veilsum/1 self mask";
inline constexpr absl::string_view kLabelMaskStream = "veilsum/1 mask stream";

// Expansion of a seed into randomness (random.h), and what it is drawn for.
inline constexpr absl::string_view kLabelDeterministicRandom = "veilsum/1 deterministic random";
inline constexpr absl::string_view kLabelGraphPermutation = "veilsum/1 graph permutation";

// The enrolment authority's signature of an identity.
inline constexpr absl::string_view kLabelEnrolmentSignature = "veilsum/1 enrolment signature";

// Domains of identity signatures.
inline constexpr absl::string_view kLabelEntrySignature = "veilsum/1 entry signature";
inline constexpr absl::string_view kLabelMessageSignature = "veilsum/1 message signature";
inline constexpr absl::string_view kLabelHelloSignature = "veilsum/1 hello signature";
inline constexpr absl::string_view kLabelUploadOpenSignature = "veilsum/1 upload open signature";
inline constexpr absl::string_view kLabelResultDownloadSignature =
    "veilsum/1 result download signature";
inline constexpr absl::string_view kLabelSurvivorSignature = "veilsum/1 survivor signature";

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_PRIMITIVES_LABELS_H_
