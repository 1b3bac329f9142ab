// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The running sum of masked inputs: one vector over Z_{2^B}, whatever the number of clients.
#ifndef VEILSUM_AGGREGATOR_ACCUMULATE_ACCUMULATOR_H_
#define VEILSUM_AGGREGATOR_ACCUMULATE_ACCUMULATOR_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "aggregator/accumulate/parallel_for.h"
#include "crypto/masking/lanes.h"
#include "crypto/masking/mask_stream.h"
#include "crypto/primitives/bytes.h"

namespace veilsum::aggregator {

// Memory: one lane (2, 4 or 8 bytes) per element. Not thread-safe, but for FoldRange and ApplyMasks
// on disjoint ranges.
class Accumulator {
 public:
  // All zeros. `elements` is d + 1: the caller's vector and the weight. INVALID_ARGUMENT outside
  // the limits of proto/limits.h.
  static absl::StatusOr<Accumulator> Create(uint64_t elements, uint32_t modulus_bits);

  // One that was written down: see lanes(). INVALID_ARGUMENT outside the limits, or where the lanes
  // are not those of the modulus.
  static absl::StatusOr<Accumulator> FromLanes(crypto::LaneVector lanes, uint32_t modulus_bits);

  uint64_t elements() const { return lanes_.size(); }
  uint32_t modulus_bits() const { return modulus_bits_; }
  const crypto::LaneVector& lanes() const { return lanes_; }
  // Of an upload, and of the packed sum.
  size_t packed_bytes() const;

  // Is this what a client may upload: the right length, and zeros after the last element?
  // INVALID_ARGUMENT saying which is wrong.
  absl::Status CheckPacked(crypto::ByteSpan packed) const;

  // Adds a whole masked input. INVALID_ARGUMENT as for CheckPacked; nothing is added then.
  absl::Status FoldPacked(crypto::ByteSpan packed, const ParallelFor& parallel_for = SerialFor);

  // Adds a part of a masked input that passed CheckPacked, or will not be kept unless all parts
  // fold: the packed elements from `first` on, a multiple of crypto::kElementsPerAlignment. A part
  // that does not reach the last element must be a multiple of modulus_bits() bytes.
  // INVALID_ARGUMENT for anything else; nothing is added then.
  absl::Status FoldRange(uint64_t first, crypto::ByteSpan packed);

  // Applies all masks to every element.
  void ApplyMasks(absl::Span<const crypto::SignedMask> masks,
                  const ParallelFor& parallel_for = SerialFor);

  // The sum reduced modulo 2^B, B bits per element.
  std::string Pack(const ParallelFor& parallel_for = SerialFor) const;

 private:
  Accumulator(crypto::LaneVector lanes, uint32_t modulus_bits)
      : lanes_(std::move(lanes)), modulus_bits_(modulus_bits) {}
  // body(first, count) over ranges of all elements.
  template <class Body>
  void ForRanges(const ParallelFor& parallel_for, const Body& body) const;

  crypto::LaneVector lanes_;
  uint32_t modulus_bits_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_ACCUMULATE_ACCUMULATOR_H_
