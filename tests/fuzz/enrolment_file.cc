// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What an enrolment authority gives to a client.
#include <string>

#include "crypto/identities/enrolment.h"
#include "tests/fuzz/harness.h"

namespace veilsum::fuzz {

void FuzzOne(crypto::ByteSpan data) {
  const auto enrolment = crypto::ParseEnrolmentFile(crypto::AsStringView(data), "enrolment.toml");
  if (!enrolment.ok()) return;
  const auto again =
      crypto::ParseEnrolmentFile(crypto::FormatEnrolmentFile(*enrolment), "again.toml");
  Require(again.ok() && again->identity == enrolment->identity &&
              again->version == enrolment->version && again->signature == enrolment->signature,
          "an enrolment can be read back");
}

}  // namespace veilsum::fuzz
