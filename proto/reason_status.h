// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A status that also says, as a stable number, why: the code is for handling by kind, the reason
// for programs that branch, the message for people. The reason survives copies and absl::StatusOr.
#ifndef VEILSUM_PROTO_REASON_STATUS_H_
#define VEILSUM_PROTO_REASON_STATUS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proto/reason.pb.h"

namespace veilsum {

// The code is not OK. `text` is for people: what was wrong, where, what to do. Never a secret.
absl::Status MakeError(absl::StatusCode code, v1::Reason reason, absl::string_view text);

// `status` with this reason instead of the one it had; an OK status stays as it is.
absl::Status WithReason(absl::Status status, v1::Reason reason);

// REASON_UNSPECIFIED for OK, for a status without a reason, and for a reason that this build
// does not know.
v1::Reason ReasonOf(const absl::Status& status);

// The stable public name of a reason: the enumerator without its prefix ("LATE"); empty for
// REASON_UNSPECIFIED and for a number that this build does not know.
absl::string_view ReasonName(v1::Reason reason);
// The inverse; REASON_UNSPECIFIED for an unknown name.
v1::Reason ReasonFromName(absl::string_view name);

}  // namespace veilsum

#endif  // VEILSUM_PROTO_REASON_STATUS_H_
