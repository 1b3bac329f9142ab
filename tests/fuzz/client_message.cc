// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What a client says on its control stream, and the bodies that it signs.
#include "proto/participant.pb.h"
#include "proto/validate.h"
#include "tests/fuzz/harness.h"

namespace veilsum::fuzz {
namespace {

template <class Body>
void ReadBody(const v1::SignedMessage& message, absl::Status (*validate)(const Body&)) {
  if (!v1::ValidateSignedMessage(message).ok()) return;
  Body body;
  if (body.ParseFromString(message.body())) (void)validate(body);
}

void ReadAdvertisement(const v1::AdvertiseKeys& message) {
  if (!v1::ValidateAdvertiseKeys(message).ok()) return;
  v1::AdvertiseKeysEntry entry;
  if (!entry.ParseFromString(message.entry())) return;
  if (!v1::ValidateAdvertiseKeysEntry(entry).ok()) return;
  Require(entry.identity().size() == 32 && entry.mask_public_key().size() == 32,
          "a valid entry has keys of 32 bytes");
}

}  // namespace

void FuzzOne(crypto::ByteSpan data) {
  v1::ClientMessage message;
  if (!message.ParseFromArray(data.data(), static_cast<int>(data.size()))) return;
  switch (message.message_case()) {
    case v1::ClientMessage::kHello:
      (void)v1::ValidateHello(message.hello());
      break;
    case v1::ClientMessage::kAdvertiseKeys:
      ReadAdvertisement(message.advertise_keys());
      break;
    case v1::ClientMessage::kShareKeys:
      ReadBody<v1::ShareKeys>(message.share_keys(), v1::ValidateShareKeys);
      break;
    case v1::ClientMessage::kConsistencyCheck:
      (void)v1::ValidateConsistencyCheck(message.consistency_check());
      break;
    case v1::ClientMessage::kUnmasking:
      ReadBody<v1::Unmasking>(message.unmasking(), v1::ValidateUnmasking);
      break;
    case v1::ClientMessage::kWithdraw:
      (void)v1::ValidateWithdraw(message.withdraw());
      break;
    case v1::ClientMessage::MESSAGE_NOT_SET:
      break;
  }
}

}  // namespace veilsum::fuzz
