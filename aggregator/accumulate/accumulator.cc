// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/accumulate/accumulator.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "crypto/masking/packing.h"
#include "proto/limits.h"

namespace veilsum::aggregator {
namespace {

// What one thread takes at a time: a few tiles of mask_stream.h. Small enough to share a vector of
// 100,000 elements among eight cores, large enough that handing it out costs nothing.
constexpr size_t kRangeElements = 8192;
static_assert(kRangeElements % crypto::kElementsPerAlignment == 0);

absl::Status CheckLimits(uint64_t elements, uint32_t modulus_bits) {
  if (elements < 1 || elements > limits::kMaxDimension + 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("elements: must be from 1 to ", limits::kMaxDimension + 1, ", is ", elements));
  }
  if (modulus_bits < 1 || modulus_bits > limits::kMaxModulusBits) {
    return absl::InvalidArgumentError(absl::StrCat("modulus_bits: must be from 1 to ",
                                                   limits::kMaxModulusBits, ", is ", modulus_bits));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Accumulator> Accumulator::Create(uint64_t elements, uint32_t modulus_bits) {
  const absl::Status status = CheckLimits(elements, modulus_bits);
  if (!status.ok()) return status;
  return Accumulator(crypto::LaneVector::ForModulus(modulus_bits, elements), modulus_bits);
}

absl::StatusOr<Accumulator> Accumulator::FromLanes(crypto::LaneVector lanes,
                                                   uint32_t modulus_bits) {
  const absl::Status status = CheckLimits(lanes.size(), modulus_bits);
  if (!status.ok()) return status;
  if (lanes.width() != crypto::LaneWidthFor(modulus_bits)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the lanes are not those of a modulus of ", modulus_bits, " bits"));
  }
  return Accumulator(std::move(lanes), modulus_bits);
}

size_t Accumulator::packed_bytes() const {
  return crypto::PackedSize(lanes_.size(), modulus_bits_);
}

absl::Status Accumulator::CheckPacked(crypto::ByteSpan packed) const {
  if (packed.size() != packed_bytes()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the masked input must be ", packed_bytes(), " bytes, is ", packed.size()));
  }
  const size_t used_bits = lanes_.size() % 8 * modulus_bits_ % 8;
  if (used_bits != 0 && (packed.back() >> used_bits) != 0) {
    return absl::InvalidArgumentError("the bits after the last element are not all zero");
  }
  return absl::OkStatus();
}

template <class Body>
void Accumulator::ForRanges(const ParallelFor& parallel_for, const Body& body) const {
  const size_t elements = lanes_.size();
  parallel_for((elements + kRangeElements - 1) / kRangeElements, [&](size_t range) {
    const size_t first = range * kRangeElements;
    body(first, std::min(kRangeElements, elements - first));
  });
}

absl::Status Accumulator::FoldPacked(crypto::ByteSpan packed, const ParallelFor& parallel_for) {
  const absl::Status status = CheckPacked(packed);
  if (!status.ok()) return status;
  ForRanges(parallel_for, [&](size_t first, size_t count) {
    // Cannot fail: the ranges are aligned, and the whole was checked.
    FoldRange(first, packed.subspan(crypto::PackedSize(first, modulus_bits_),
                                    crypto::PackedSize(count, modulus_bits_)))
        .IgnoreError();
  });
  return absl::OkStatus();
}

absl::Status Accumulator::FoldRange(uint64_t first, crypto::ByteSpan packed) {
  if (first % crypto::kElementsPerAlignment != 0 || first >= lanes_.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the first element, ", first, ", must be a multiple of ",
                     crypto::kElementsPerAlignment, " below ", lanes_.size()));
  }
  const size_t rest = lanes_.size() - first;
  const bool reaches_end = packed.size() == crypto::PackedSize(rest, modulus_bits_);
  const size_t groups = packed.size() / modulus_bits_;
  const size_t count = reaches_end ? rest : groups * crypto::kElementsPerAlignment;
  if (!reaches_end && (packed.size() % modulus_bits_ != 0 || count > rest)) {
    return absl::InvalidArgumentError(
        absl::StrCat(packed.size(), " bytes are no whole groups of ", modulus_bits_,
                     " bytes, or more than is left from element ", first, " on"));
  }
  return lanes_.Visit([&](auto lanes) {
    return crypto::UnpackAdd(packed, modulus_bits_, lanes.subspan(first, count));
  });
}

void Accumulator::ApplyMasks(absl::Span<const crypto::SignedMask> masks,
                             const ParallelFor& parallel_for) {
  lanes_.Visit([&](auto lanes) {
    ForRanges(parallel_for, [&](size_t first, size_t count) {
      crypto::ApplyMasks(lanes.subspan(first, count), first, masks);
    });
  });
}

std::string Accumulator::Pack(const ParallelFor& parallel_for) const {
  std::string packed(packed_bytes(), '\0');
  const absl::Span<uint8_t> out(reinterpret_cast<uint8_t*>(packed.data()), packed.size());
  lanes_.Visit([&](auto lanes) {
    ForRanges(parallel_for, [&](size_t first, size_t count) {
      // Cannot fail: sizes are computed here.
      crypto::Pack(lanes.subspan(first, count), modulus_bits_,
                   out.subspan(crypto::PackedSize(first, modulus_bits_),
                               crypto::PackedSize(count, modulus_bits_)))
          .IgnoreError();
    });
  });
  return packed;
}

}  // namespace veilsum::aggregator
