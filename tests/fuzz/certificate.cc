// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Certificates, requests for them, and authorities. The first byte says which.
#include <string>

#include "absl/time/time.h"
#include "crypto/certificates/certificate_authority.h"
#include "crypto/certificates/certificate_request.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/input.h"

namespace veilsum::fuzz {
namespace {

const crypto::Validity kValidity = {absl::UnixEpoch() + absl::Hours(24 * 365 * 50),
                                    absl::UnixEpoch() + absl::Hours(24 * 365 * 51)};

void ReadRequest(absl::string_view pem) {
  static const auto* const authority = new crypto::CertificateAuthority(
      crypto::CertificateAuthority::Create("fuzz", kValidity).value());
  const bool named = crypto::CommonNameOfRequest(pem).ok();
  const auto issued = authority->SignClient(pem, "client", kValidity);
  Require(issued.ok() || !named, "a request with a name that can be read can be signed");
  if (!issued.ok()) return;
  const auto not_after = crypto::NotAfter(*issued);
  Require(not_after.ok() && *not_after == kValidity.not_after, "it is good for as long as it says");
}

}  // namespace

void FuzzOne(crypto::ByteSpan data) {
  Input input(data);
  const uint8_t what = input.Byte();
  const absl::string_view pem = crypto::AsStringView(input.Rest());
  if (what % 3 == 0) (void)crypto::NotAfter(pem);
  if (what % 3 == 1) ReadRequest(pem);
  // Certificate and key below each other, as some tools keep them.
  if (what % 3 == 2) (void)crypto::CertificateAuthority::FromPem(pem, pem);
}

}  // namespace veilsum::fuzz
