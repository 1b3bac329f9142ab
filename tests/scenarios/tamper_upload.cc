// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Lies of round 2.

#include "crypto/primitives/labels.h"
#include "tests/scenarios/tampering.h"

namespace veilsum::scenarios {

void UploadTamperer::Tamper(v1::UploadRequest& request) {
  if (request.has_open()) TamperOpen(*request.mutable_open());
  if (request.has_data()) TamperData(*request.mutable_data());
  if (request.has_close()) TamperClose(*request.mutable_close());
}

void UploadTamperer::TamperOpen(v1::UploadOpen& open) {
  total_bytes_ = open.total_bytes();
  const bool forged = how_ == Misbehaviour::kForgedUploadOpen;
  if (how_ == Misbehaviour::kUploadTooLong) {
    open.set_total_bytes(total_bytes_ + 1);
  } else if (how_ == Misbehaviour::kUploadTooShort) {
    open.set_total_bytes(total_bytes_ - 1);
  } else if (!forged) {
    return;
  }
  open.set_signature(crypto::ToString(
      crypto::Sign(forged ? *knowledge_->somebody_else : *knowledge_->identity,
                   crypto::kLabelUploadOpenSignature,
                   crypto::UploadOpenSignatureDigest(*knowledge_->transcript, open.total_bytes()))
          .bytes()));
}

void UploadTamperer::TamperData(v1::UploadData& data) {
  std::string& payload = *data.mutable_payload();
  const bool first = !began_;
  const bool last = data.offset() + payload.size() == total_bytes_;
  began_ = true;
  if (how_ == Misbehaviour::kUploadGap && first) data.set_offset(data.offset() + 1);
  if (how_ == Misbehaviour::kUploadFlippedBit && first) FlipBit(payload, 0);
  if (how_ == Misbehaviour::kUploadCutShort && last) payload.pop_back();
  if (how_ == Misbehaviour::kUploadOverlong && last) payload.push_back('x');
  // Without padding the bit would be one of the liar's own input, which is its own affair.
  const v1::VectorSpec& spec = knowledge_->header.vector();
  const bool padded = (spec.dimension() + 1) * spec.modulus_bits() % 8 != 0;
  if (how_ == Misbehaviour::kUploadDirtyPadding && last && padded) {
    payload.back() = static_cast<char>(payload.back() | 0x80);
  }
  hasher_.Update(crypto::AsBytes(payload));
}

void UploadTamperer::TamperClose(v1::UploadClose& close) {
  crypto::Digest digest = hasher_.Finish();
  const bool forged = how_ == Misbehaviour::kForgedUploadClose;
  if (how_ == Misbehaviour::kUploadOtherDigest) {
    digest[0] ^= 1;
  } else if (how_ != Misbehaviour::kUploadDirtyPadding && how_ != Misbehaviour::kUploadCutShort &&
             how_ != Misbehaviour::kUploadOverlong && !forged) {
    return;  // kUploadFlippedBit keeps the digest of the honest bytes.
  }
  close.set_digest(crypto::ToString(digest));
  close.set_signature(
      SignFor(*knowledge_, crypto::ProtocolRound::kMaskedInputCollection, digest, forged));
}

}  // namespace veilsum::scenarios
