// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Shares as they are revealed: how many, then x and 40 bytes of each.
#include <vector>

#include "crypto/primitives/constant_time.h"
#include "crypto/primitives/secret.h"
#include "crypto/sharing/shamir.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/input.h"

namespace veilsum::fuzz {

void FuzzOne(crypto::ByteSpan data) {
  Input input(data);
  std::vector<crypto::Share> shares;
  std::vector<uint32_t> xs;
  for (uint32_t count = input.Below(40); count > 0 && !input.empty(); --count) {
    const uint32_t x = input.Below(1000);
    const crypto::ByteSpan bytes = input.Take(crypto::Share::kSerializedSize);
    auto share = crypto::Share::Parse(x, bytes);
    if (!share.ok()) continue;
    const crypto::SecretBuffer serialized = share->Serialize();
    Require(crypto::ConstantTimeEqual(ExposeSecret(serialized), bytes),
            "a share has one serialised form");
    shares.push_back(*std::move(share));
    xs.push_back(x);
  }
  const auto coefficients = crypto::LagrangeCoefficients::ForIndices(xs);
  if (!coefficients.ok()) return;
  (void)crypto::Reconstruct<crypto::SelfMaskSeed>(*coefficients, shares);
}

}  // namespace veilsum::fuzz
