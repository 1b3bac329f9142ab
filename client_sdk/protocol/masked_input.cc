// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/protocol/masked_input.h"

#include <bit>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "crypto/primitives/transcript_hash.h"

namespace veilsum::client {

static_assert(std::endian::native == std::endian::little,
              "InputDigest hashes the lanes as they are in memory");

crypto::Digest InputDigest(const crypto::LaneVector& input) {
  return input.Visit([](auto lanes) {
    return crypto::Sha256(crypto::ByteSpan(reinterpret_cast<const uint8_t*>(lanes.data()),
                                           lanes.size() * sizeof(lanes[0])));
  });
}

MaskingPlan::MaskingPlan(std::vector<Mask> masks, uint32_t modulus_bits)
    : masks_(std::move(masks)), modulus_bits_(modulus_bits) {
  signed_masks_.reserve(masks_.size());
  for (const Mask& mask : masks_) {
    signed_masks_.push_back(crypto::SignedMask{&mask.stream, mask.sign});
  }
}

absl::Status MaskingPlan::MaskAndPack(const crypto::LaneVector& input, uint64_t first,
                                      uint64_t count, std::string& packed) const {
  const uint64_t size = input.size();
  if (first > size || count > size - first) {
    return absl::InvalidArgumentError(
        absl::StrCat("chunk of ", count, " elements from ", first, " in an input of ", size));
  }
  if (first % crypto::kElementsPerAlignment != 0 ||
      (count % crypto::kElementsPerAlignment != 0 && first + count != size)) {
    return absl::InvalidArgumentError(absl::StrCat("chunk of ", count, " elements from ", first,
                                                   " does not begin and end on a byte"));
  }
  packed.resize(crypto::PackedSize(count, modulus_bits_));
  return input.Visit([&](auto lanes) {
    using LaneT = std::remove_const_t<typename decltype(lanes)::value_type>;
    std::vector<LaneT> masked(lanes.begin() + first, lanes.begin() + first + count);
    crypto::ApplyMasks(absl::MakeSpan(masked), first, signed_masks_);
    return crypto::Pack<LaneT>(
        masked, modulus_bits_,
        absl::MakeSpan(reinterpret_cast<uint8_t*>(packed.data()), packed.size()));
  });
}

}  // namespace veilsum::client
