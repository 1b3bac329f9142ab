// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Sets of positions: how many there are, then the bitmap.
#include "crypto/transcript/bitmap.h"

#include <vector>

#include "tests/fuzz/harness.h"
#include "tests/fuzz/input.h"

namespace veilsum::fuzz {

void FuzzOne(crypto::ByteSpan data) {
  Input input(data);
  const uint32_t size = input.Below(2000);
  const crypto::ByteSpan bytes = input.Rest();
  const auto members = crypto::DecodeBitmap(bytes, size);
  if (!members.ok()) return;
  Require(members->size() == size, "a bitmap says something of everybody");
  Require(crypto::EncodeBitmap(*members) == crypto::ToString(bytes), "a set has one bitmap");
}

}  // namespace veilsum::fuzz
