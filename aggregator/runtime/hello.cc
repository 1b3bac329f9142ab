// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/hello.h"

#include "absl/strings/str_cat.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/labels.h"
#include "crypto/transcript/transcript.h"
#include "proto/limits.h"
#include "proto/reason_status.h"
#include "proto/validate.h"

namespace veilsum::aggregator {

absl::StatusOr<crypto::IdentityPublicKey> CheckHello(const v1::Hello& hello,
                                                     absl::string_view nonce) {
  // First: the fields of another version may mean other things.
  if (hello.protocol_version() != limits::kProtocolVersion) {
    return MakeError(absl::StatusCode::kUnimplemented, v1::REASON_UNSUPPORTED,
                     absl::StrCat("hello.protocol_version: this aggregator speaks version ",
                                  limits::kProtocolVersion, ", the client version ",
                                  hello.protocol_version(), "; update the older of the two"));
  }
  if (absl::Status valid = v1::ValidateHello(hello); !valid.ok()) {
    return WithReason(std::move(valid), v1::REASON_MALFORMED);
  }
  const auto identity = crypto::IdentityPublicKey::Parse(crypto::AsBytes(hello.identity()));
  if (!identity.ok()) {
    return MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_MALFORMED,
                     absl::StrCat("hello.identity: ", identity.status().message()));
  }
  const auto signature = crypto::Signature::Parse(crypto::AsBytes(hello.signature()));
  if (!signature.ok()) {
    return MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_MALFORMED,
                     absl::StrCat("hello.signature: ", signature.status().message()));
  }
  const crypto::Digest digest =
      crypto::HelloSignatureDigest(crypto::AsBytes(nonce), crypto::AsBytes(hello.task_id()),
                                   crypto::AsBytes(hello.session_id()), *identity);
  if (!crypto::Verify(*identity, crypto::kLabelHelloSignature, digest, *signature).ok()) {
    return MakeError(absl::StatusCode::kUnauthenticated, v1::REASON_BAD_SIGNATURE,
                     "hello.signature: is not the identity's over this stream's challenge, the "
                     "task and the session");
  }
  return *identity;
}

}  // namespace veilsum::aggregator
