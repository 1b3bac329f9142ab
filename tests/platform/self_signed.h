// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef VEILSUM_TESTS_PLATFORM_SELF_SIGNED_H_
#define VEILSUM_TESTS_PLATFORM_SELF_SIGNED_H_

#include <string>

#include "absl/status/statusor.h"

namespace veilsum::platform {

struct SelfSigned {
  std::string certificate_pem;
  std::string private_key_pem;
};

// Makes a P-256 key and a certificate for "localhost" that it signs itself, valid for an hour.
// Internal error when BoringSSL fails.
absl::StatusOr<SelfSigned> MakeSelfSigned();

}  // namespace veilsum::platform

#endif  // VEILSUM_TESTS_PLATFORM_SELF_SIGNED_H_
