// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// SHA-256, and the canonical encoding under every hash, signature, KDF info and associated data:
//
//   u64be(len(label)) ‖ label ‖ for each field: u64be(len(field)) ‖ field
//
// Lengths first make the encoding injective: two different lists of fields never give the same
// bytes. An integer is an 8-byte big-endian field.

#ifndef VEILSUM_CRYPTO_PRIMITIVES_TRANSCRIPT_HASH_H_
#define VEILSUM_CRYPTO_PRIMITIVES_TRANSCRIPT_HASH_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "crypto/primitives/boringssl.h"
#include "crypto/primitives/bytes.h"

namespace veilsum::crypto {

// SHA-256 (FIPS 180-4) of the bytes alone, without label.
Digest Sha256(ByteSpan bytes);

// The same, in portions. The state is erased on destruction, since it may have seen secrets.
// Copying forks the hash.
class Sha256Hasher {
 public:
  Sha256Hasher();
  Sha256Hasher(const Sha256Hasher&) = default;
  Sha256Hasher& operator=(const Sha256Hasher&) = default;
  ~Sha256Hasher();

  Sha256Hasher& Update(ByteSpan bytes);
  // The digest of everything so far. The hasher stays usable: more may follow.
  Digest Finish() const;

 private:
  SHA256_CTX context_;
};

// The canonical encoding as bytes. For public fields only.
class CanonicalEncoding {
 public:
  explicit CanonicalEncoding(absl::string_view label);
  CanonicalEncoding& Add(ByteSpan field);
  CanonicalEncoding& AddU64(uint64_t field);
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

// SHA-256 of the canonical encoding, without building it: fields may be long, and secret.
//   Digest d = TranscriptHash(kLabelTranscript).Add(header_hash).Add(roster_root).Finish();
class TranscriptHash {
 public:
  explicit TranscriptHash(absl::string_view label);
  TranscriptHash& Add(ByteSpan field);
  TranscriptHash& AddU64(uint64_t field);
  // The digest of the fields so far.
  Digest Finish() const;

 private:
  Sha256Hasher hasher_;
};

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_PRIMITIVES_TRANSCRIPT_HASH_H_
