// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// ClientOptions, checked and turned into what the inside works with. Internal to the SDK.
// Thread-safe.
#ifndef VEILSUM_CLIENT_SDK_PREPARED_OPTIONS_H_
#define VEILSUM_CLIENT_SDK_PREPARED_OPTIONS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client_sdk/protocol/session_policy.h"
#include "client_sdk/state/session_store.h"
#include "client_sdk/veilsum.h"
#include "crypto/primitives/identity.h"

namespace veilsum {

struct PreparedOptions {
  std::shared_ptr<const crypto::IdentityKeyPair> identity;
  client::SessionPolicy policy;
  std::string enrolment_signature;  // 64 bytes, or empty.
  std::shared_ptr<client::SessionStore> store;
};

// INVALID_ARGUMENT naming the option; for the state directory the errors of SessionStore.
absl::StatusOr<PreparedOptions> Prepare(const ClientOptions& options);

// INVALID_ARGUMENT with its reason.
absl::Status CallerError(absl::string_view text);

}  // namespace veilsum

#endif  // VEILSUM_CLIENT_SDK_PREPARED_OPTIONS_H_
