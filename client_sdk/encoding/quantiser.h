// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// From floats to weighted levels: the loops that touch every element, compiled for several vector
// instruction sets, of which the processor's best is taken. Internal to encoding/. Pure;
// thread-safe.
#ifndef VEILSUM_CLIENT_SDK_ENCODING_QUANTISER_H_
#define VEILSUM_CLIENT_SDK_ENCODING_QUANTISER_H_

#include <cstdint>

#include "absl/types/span.h"
#include "client_sdk/encoding/quantisation.h"

namespace veilsum::client {

struct Quantiser {
  Grid grid;
  double norm_scale = 1;
  uint64_t weight = 1;
};

// One weighted level per value; `random` and `out` are as long as `values`. No branch is
// written on a value, though nothing checks what the compiler makes of it. LaneT has room for every weighted level. The same result on every processor: nothing
// but additions, multiplications and comparisons of doubles, none of them contracted.
void Quantise(const Quantiser& quantiser, absl::Span<const float> values,
              absl::Span<const uint32_t> random, absl::Span<uint16_t> out);
void Quantise(const Quantiser& quantiser, absl::Span<const float> values,
              absl::Span<const uint32_t> random, absl::Span<uint32_t> out);
void Quantise(const Quantiser& quantiser, absl::Span<const float> values,
              absl::Span<const uint32_t> random, absl::Span<uint64_t> out);

// How many are outside [-clip, clip] once they are scaled.
uint64_t CountClipped(const Quantiser& quantiser, absl::Span<const float> values);

// The sum of squares: finite if and only if every element is, since even 10^8 times the square of
// the greatest float is far below the greatest double.
double SquaredNorm(absl::Span<const float> values);

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_ENCODING_QUANTISER_H_
