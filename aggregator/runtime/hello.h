// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Who is speaking: the check of a Hello against the challenge of its stream.
#ifndef VEILSUM_AGGREGATOR_RUNTIME_HELLO_H_
#define VEILSUM_AGGREGATOR_RUNTIME_HELLO_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "crypto/primitives/identity.h"
#include "proto/participant.pb.h"

namespace veilsum::aggregator {

// The identity that signed `hello` for this nonce. Pure and thread-safe; about 0.1 ms.
// INVALID_ARGUMENT (MALFORMED), UNIMPLEMENTED (UNSUPPORTED: another protocol version),
// UNAUTHENTICATED (BAD_SIGNATURE).
absl::StatusOr<crypto::IdentityPublicKey> CheckHello(const v1::Hello& hello,
                                                     absl::string_view nonce);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_RUNTIME_HELLO_H_
