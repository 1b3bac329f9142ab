// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/protocol/masked_input.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "absl/strings/str_cat.h"
#include "crypto/primitives/constant_time.h"
#include "crypto/primitives/transcript_hash.h"

namespace veilsum::client {

static_assert(std::endian::native == std::endian::little,
              "InputDigest hashes the lanes as they are in memory");

namespace {

// Of a tile: what fits the L1 cache, and ends on a byte when it is packed.
template <typename LaneT>
constexpr uint64_t kTileLanes = crypto::kMaskTileBytes / sizeof(LaneT);
static_assert(kTileLanes<uint64_t> % crypto::kElementsPerAlignment == 0);

template <typename LaneT>
crypto::Digest DigestOf(const InputSource& input) {
  crypto::Sha256Hasher hasher;
  std::array<LaneT, kTileLanes<LaneT>> buffer;
  for (uint64_t first = 0; first < input.size(); first += buffer.size()) {
    const uint64_t count = std::min<uint64_t>(buffer.size(), input.size() - first);
    const absl::Span<LaneT> tile = absl::MakeSpan(buffer).subspan(0, count);
    input.Fill(first, tile);
    hasher.Update(crypto::ByteSpan(reinterpret_cast<const uint8_t*>(tile.data()),
                                   tile.size() * sizeof(LaneT)));
  }
  crypto::SecureErase(buffer.data(), sizeof(buffer));
  return hasher.Finish();
}

}  // namespace

crypto::Digest InputDigest(const InputSource& input) {
  switch (input.width()) {
    case crypto::LaneWidth::kU16:
      return DigestOf<uint16_t>(input);
    case crypto::LaneWidth::kU32:
      return DigestOf<uint32_t>(input);
    case crypto::LaneWidth::kU64:
      return DigestOf<uint64_t>(input);
  }
  return {};
}

MaskingPlan::MaskingPlan(std::vector<Mask> masks, uint32_t modulus_bits)
    : masks_(std::move(masks)), modulus_bits_(modulus_bits) {
  signed_masks_.reserve(masks_.size());
  for (const Mask& mask : masks_) {
    signed_masks_.push_back(crypto::SignedMask{&mask.stream, mask.sign});
  }
}

template <typename LaneT>
absl::Status MaskingPlan::MaskAndPackTiles(const InputSource& input, uint64_t first, uint64_t count,
                                           absl::Span<uint8_t> packed) const {
  alignas(crypto::kMaskTileAlignment) std::array<LaneT, kTileLanes<LaneT>> buffer;
  absl::Status status;
  while (count != 0 && status.ok()) {
    const uint64_t lanes = std::min<uint64_t>(buffer.size(), count);
    const absl::Span<LaneT> tile = absl::MakeSpan(buffer).subspan(0, lanes);
    input.Fill(first, tile);
    crypto::ApplyMasks(tile, first, signed_masks_);
    const size_t bytes = crypto::PackedSize(lanes, modulus_bits_);
    status = crypto::Pack<LaneT>(tile, modulus_bits_, packed.subspan(0, bytes));
    packed.remove_prefix(bytes);
    first += lanes;
    count -= lanes;
  }
  return status;
}

absl::Status MaskingPlan::MaskAndPack(const InputSource& input, uint64_t first, uint64_t count,
                                      std::string& packed) const {
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
  if (input.width() != crypto::LaneWidthFor(modulus_bits_)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the input's lanes are not those of a modulus of ", modulus_bits_, " bits"));
  }
  packed.resize(crypto::PackedSize(count, modulus_bits_));
  const absl::Span<uint8_t> out(reinterpret_cast<uint8_t*>(packed.data()), packed.size());
  switch (input.width()) {
    case crypto::LaneWidth::kU16:
      return MaskAndPackTiles<uint16_t>(input, first, count, out);
    case crypto::LaneWidth::kU32:
      return MaskAndPackTiles<uint32_t>(input, first, count, out);
    case crypto::LaneWidth::kU64:
      return MaskAndPackTiles<uint64_t>(input, first, count, out);
  }
  return absl::InternalError("lanes of no width");
}

}  // namespace veilsum::client
