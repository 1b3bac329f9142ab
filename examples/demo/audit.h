// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The demo's own check of a published sum, with none of Veilsum's code: what the participants in
// it noted down before masking, added up with plain integers.

#ifndef VEILSUM_EXAMPLES_DEMO_AUDIT_H_
#define VEILSUM_EXAMPLES_DEMO_AUDIT_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace veilsum::demo {

// Elements of `bits` bits each, least significant bit first, one bit at a time.
std::vector<uint64_t> ReadPacked(absl::string_view packed, uint32_t bits, size_t count);

// OK only if `published` is the sum of `inputs` modulo 2^bits in every element.
absl::Status CheckSum(absl::Span<const std::vector<uint64_t>> inputs,
                      absl::Span<const uint64_t> published, uint32_t bits);

// The mean that integers of the sum stand for; the last element is the sum of the weights.
std::vector<float> MeanOf(absl::Span<const uint64_t> sum, uint32_t quantisation_bits, float clip);

// Pearson's r: 1 for the same shape, about 0 for noise.
double Correlation(absl::Span<const uint64_t> one, absl::Span<const uint64_t> other);

}  // namespace veilsum::demo

#endif  // VEILSUM_EXAMPLES_DEMO_AUDIT_H_
