// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Ed25519 (RFC 8032) identities. An identity key outlives sessions; the client gets it from
// somewhere that the aggregator does not control.

#ifndef VEILSUM_CRYPTO_PRIMITIVES_IDENTITY_H_
#define VEILSUM_CRYPTO_PRIMITIVES_IDENTITY_H_

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/secret.h"

namespace veilsum::crypto {

// 32 bytes that passed Parse. Ordered bytewise: the order of the roster.
class IdentityPublicKey {
 public:
  static constexpr size_t kSize = 32;

  // InvalidArgument for a wrong length, a non-canonical encoding, and a point of small order,
  // under which anyone could make a signature that verifies. Whether the point is on the curve
  // shows at the first Verify.
  static absl::StatusOr<IdentityPublicKey> Parse(ByteSpan bytes);
  // 64 hexadecimal digits, in either case.
  static absl::StatusOr<IdentityPublicKey> FromHex(absl::string_view hex);

  ByteSpan bytes() const { return bytes_; }
  // Lower case.
  std::string ToHex() const;
  friend auto operator<=>(const IdentityPublicKey&, const IdentityPublicKey&) = default;
  template <class H>
  friend H AbslHashValue(H state, const IdentityPublicKey& key) {
    return H::combine(std::move(state), key.bytes_);
  }

 private:
  friend class IdentityKeyPair;
  IdentityPublicKey() : bytes_{} {}
  std::array<uint8_t, kSize> bytes_;
};

class Signature {
 public:
  static constexpr size_t kSize = 64;

  // InvalidArgument for a wrong length.
  static absl::StatusOr<Signature> Parse(ByteSpan bytes);

  ByteSpan bytes() const { return bytes_; }
  friend bool operator==(const Signature&, const Signature&) = default;

 private:
  friend Signature Sign(const class IdentityKeyPair&, absl::string_view, const Digest&);
  Signature() : bytes_{} {}
  std::array<uint8_t, kSize> bytes_;
};

class IdentityKeyPair {
 public:
  static IdentityKeyPair FromSeed(const IdentityPrivateKey& seed);
  // From the seed that `fill(absl::Span<uint8_t>)` writes: RandomBytes in a shell.
  template <class Fill>
  static IdentityKeyPair Generate(Fill&& fill) {
    return FromSeed(IdentityPrivateKey::Generate(std::forward<Fill>(fill)));
  }

  const IdentityPublicKey& public_key() const { return public_key_; }
  // For a key file.
  const IdentityPrivateKey& seed() const { return seed_; }
  IdentityKeyPair Clone() const { return FromSeed(seed_); }

 private:
  friend Signature Sign(const IdentityKeyPair&, absl::string_view, const Digest&);
  struct ExpandedKeyTag {
    static constexpr absl::string_view kName = "expanded identity key";
  };
  using ExpandedKey = Secret<ExpandedKeyTag, 64>;
  IdentityKeyPair(IdentityPrivateKey seed, ExpandedKey expanded, IdentityPublicKey public_key);

  IdentityPrivateKey seed_;
  ExpandedKey expanded_;
  IdentityPublicKey public_key_;
};

// Signs the canonical encoding (transcript_hash.h) of the domain label and the digest, never the
// bare digest: a signature in one domain says nothing in another. Labels are in labels.h.
// Deterministic.
Signature Sign(const IdentityKeyPair& key, absl::string_view domain_label, const Digest& digest);

// Unauthenticated unless `signature` is the key's, for this label and digest.
absl::Status Verify(const IdentityPublicKey& key, absl::string_view domain_label,
                    const Digest& digest, const Signature& signature);

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_PRIMITIVES_IDENTITY_H_
