// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/encoding/encoder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client_sdk/encoding/quantisation.h"
#include "client_sdk/encoding/quantiser.h"
#include "crypto/masking/mask_stream.h"
#include "crypto/primitives/constant_time.h"
#include "crypto/primitives/labels.h"
#include "proto/reason_status.h"

namespace veilsum::client {
namespace {

// Elements that are worked on at a time; their random words stay in the L1 cache.
constexpr size_t kBlock = 2048;

absl::Status BadArgument(absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_INVALID_ARGUMENT, text);
}

absl::Status NotFinite(absl::Span<const float> update) {
  const auto bad =
      std::find_if(update.begin(), update.end(), [](float value) { return !std::isfinite(value); });
  return BadArgument(absl::StrCat("update[", bad - update.begin(), "] is ",
                                  std::isnan(*bad) ? "NaN" : "infinite",
                                  ": every element must be a finite number"));
}

absl::Status CheckLengthAndWeight(absl::Span<const float> update, uint64_t weight,
                                  const v1::VectorSpec& spec) {
  if (update.size() != spec.dimension()) {
    return BadArgument(absl::StrCat("the update has ", update.size(),
                                    " elements, the session sums vectors of ", spec.dimension()));
  }
  if (weight < 1 || weight > spec.max_weight()) {
    return BadArgument(absl::StrCat("the weight must be from 1 to the session's max_weight of ",
                                    spec.max_weight(), ", is ", weight));
  }
  return absl::OkStatus();
}

class QuantisedUpdate final : public UpdateSource {
 public:
  QuantisedUpdate(absl::Span<const float> update, crypto::LaneWidth width,
                  const Quantiser& quantiser, crypto::MaskStream rounding)
      : update_(update),
        width_(width),
        quantiser_(quantiser),
        rounding_(std::move(rounding)),
        clipping_{static_cast<double>(CountClipped(quantiser, update)) /
                      static_cast<double>(update.size()),
                  quantiser.norm_scale} {}

  const Clipping& clipping() const override { return clipping_; }
  crypto::LaneWidth width() const override { return width_; }
  uint64_t size() const override { return update_.size() + 1; }
  void Fill(uint64_t first, absl::Span<uint16_t> out) const override { FillBlocks(first, out); }
  void Fill(uint64_t first, absl::Span<uint32_t> out) const override { FillBlocks(first, out); }
  void Fill(uint64_t first, absl::Span<uint64_t> out) const override { FillBlocks(first, out); }

 private:
  template <typename LaneT>
  void FillBlocks(uint64_t first, absl::Span<LaneT> out) const {
    std::array<uint32_t, kBlock> words;
    while (!out.empty()) {
      const absl::Span<const float> values = update_.subspan(first, std::min(kBlock, out.size()));
      if (values.empty()) {
        out.front() = static_cast<LaneT>(quantiser_.weight);
        break;
      }
      const absl::Span<uint32_t> random = absl::MakeSpan(words).subspan(0, values.size());
      std::fill(random.begin(), random.end(), 0);
      rounding_.AddTo(random, first);
      Quantise(quantiser_, values, random, out.subspan(0, values.size()));
      first += values.size();
      out.remove_prefix(values.size());
    }
    crypto::SecureErase(words.data(), sizeof(words));
  }

  const absl::Span<const float> update_;
  const crypto::LaneWidth width_;
  const Quantiser quantiser_;
  const crypto::MaskStream rounding_;
  const Clipping clipping_;
};

}  // namespace

absl::Status CheckUpdate(absl::Span<const float> update, uint64_t weight,
                         const v1::VectorSpec& spec) {
  const absl::StatusOr<Grid> grid = GridOf(spec);
  if (!grid.ok()) return grid.status();
  absl::Status status = CheckLengthAndWeight(update, weight, spec);
  if (!status.ok()) return status;
  return std::isfinite(SquaredNorm(update)) ? absl::OkStatus() : NotFinite(update);
}

absl::StatusOr<std::unique_ptr<const UpdateSource>> UpdateSource::Create(
    absl::Span<const float> update, uint64_t weight, const v1::VectorSpec& spec,
    const crypto::RandomSeed& rounding_seed) {
  const absl::StatusOr<Grid> grid = GridOf(spec);
  if (!grid.ok()) return grid.status();
  absl::Status status = CheckLengthAndWeight(update, weight, spec);
  if (!status.ok()) return status;
  const double norm = std::sqrt(SquaredNorm(update));
  if (!std::isfinite(norm)) return NotFinite(update);

  Quantiser quantiser{*grid, 1.0, weight};
  if (spec.norm_clip() > 0 && norm > spec.norm_clip()) {
    quantiser.norm_scale = spec.norm_clip() / norm;
  }
  return std::make_unique<const QuantisedUpdate>(
      update, crypto::LaneWidthFor(spec.modulus_bits()), quantiser,
      crypto::MaskStream::OfDeterministicRandom(ExposeSecret(rounding_seed),
                                                crypto::kLabelRounding));
}

absl::StatusOr<EncodedInput> EncodeUpdate(absl::Span<const float> update, uint64_t weight,
                                          const v1::VectorSpec& spec,
                                          const crypto::RandomSeed& rounding_seed) {
  const auto source = UpdateSource::Create(update, weight, spec, rounding_seed);
  if (!source.ok()) return source.status();
  EncodedInput encoded{crypto::LaneVector::ForModulus(spec.modulus_bits(), (*source)->size()),
                       (*source)->clipping().fraction_clipped, (*source)->clipping().norm_scale};
  encoded.values.Visit([&](auto lanes) { (*source)->Fill(0, lanes); });
  return encoded;
}

}  // namespace veilsum::client
