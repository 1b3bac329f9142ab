// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A masked input as it is uploaded: bits, elements, then the bytes.
#include <string>

#include "aggregator/accumulate/accumulator.h"
#include "crypto/masking/packing.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/input.h"

namespace veilsum::fuzz {

void FuzzOne(crypto::ByteSpan data) {
  Input input(data);
  const uint32_t bits = 1 + input.Below(63);
  const uint64_t elements = 2 + input.Below(300);
  const uint64_t first = crypto::kElementsPerAlignment * input.Below(40);
  const crypto::ByteSpan packed = input.Rest();
  auto whole = aggregator::Accumulator::Create(elements, bits);
  auto parts = aggregator::Accumulator::Create(elements, bits);
  Require(whole.ok() && parts.ok(), "an accumulator within the limits");

  const bool good = whole->CheckPacked(packed).ok();
  Require(whole->FoldPacked(packed).ok() == good, "what is checked is what is folded");
  (void)parts->FoldRange(first, packed);
  if (!good) return;
  Require(whole->Pack() == crypto::ToString(packed), "one input is its own sum");

  // The same in two parts.
  auto again = aggregator::Accumulator::Create(elements, bits);
  const size_t cut = crypto::PackedSize(first, bits);
  if (first == 0 || first >= elements) return;
  Require(again->FoldRange(0, packed.subspan(0, cut)).ok() &&
              again->FoldRange(first, packed.subspan(cut)).ok(),
          "parts of a good input fold");
  Require(again->Pack() == whole->Pack(), "parts add up to the whole");
}

}  // namespace veilsum::fuzz
