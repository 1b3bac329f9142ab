// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Protobuf keeps bytes in strings, which nobody erases. Internal to protocol/.
// Pure; thread-safe.
#ifndef VEILSUM_CLIENT_SDK_PROTOCOL_ERASE_H_
#define VEILSUM_CLIENT_SDK_PROTOCOL_ERASE_H_

#include <string>

#include "crypto/primitives/constant_time.h"
#include "proto/participant.pb.h"
#include "proto/rounds.pb.h"

namespace veilsum::client {

// Overwrites the text, then empties it.
inline void Erase(std::string& text) {
  crypto::SecureErase(text.data(), text.size());
  text.clear();
}

inline void EraseShares(v1::Unmasking& body) {
  for (v1::RevealedShare& share : *body.mutable_shares()) {
    if (share.has_self_mask_share()) Erase(*share.mutable_self_mask_share());
    if (share.has_mask_key_share()) Erase(*share.mutable_mask_key_share());
  }
}

// Shares are all that a message of this client holds of secrets.
inline void EraseShares(v1::ClientMessage& message) {
  if (message.has_unmasking()) Erase(*message.mutable_unmasking()->mutable_body());
}

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_PROTOCOL_ERASE_H_
