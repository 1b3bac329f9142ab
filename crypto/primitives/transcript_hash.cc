// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/primitives/transcript_hash.h"

#include "crypto/primitives/constant_time.h"

namespace veilsum::crypto {

Digest Sha256(ByteSpan bytes) {
  Digest digest;
  SHA256(bytes.data(), bytes.size(), digest.data());
  return digest;
}

Sha256Hasher::Sha256Hasher() { SHA256_Init(&context_); }

Sha256Hasher::~Sha256Hasher() { SecureErase(&context_, sizeof(context_)); }

Sha256Hasher& Sha256Hasher::Update(ByteSpan bytes) {
  SHA256_Update(&context_, bytes.data(), bytes.size());
  return *this;
}

Digest Sha256Hasher::Finish() const {
  Sha256Hasher fork = *this;
  Digest digest;
  SHA256_Final(digest.data(), &fork.context_);
  return digest;
}

CanonicalEncoding::CanonicalEncoding(absl::string_view label) { Add(AsBytes(label)); }

CanonicalEncoding& CanonicalEncoding::Add(ByteSpan field) {
  AppendU64(bytes_, field.size());
  bytes_.insert(bytes_.end(), field.begin(), field.end());
  return *this;
}

CanonicalEncoding& CanonicalEncoding::AddU64(uint64_t field) { return Add(EncodeU64(field)); }

TranscriptHash::TranscriptHash(absl::string_view label) { Add(AsBytes(label)); }

TranscriptHash& TranscriptHash::Add(ByteSpan field) {
  hasher_.Update(EncodeU64(field.size())).Update(field);
  return *this;
}

TranscriptHash& TranscriptHash::AddU64(uint64_t field) { return Add(EncodeU64(field)); }

Digest TranscriptHash::Finish() const { return hasher_.Finish(); }

}  // namespace veilsum::crypto
