// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/encoding/decoder.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "client_sdk/encoding/quantisation.h"
#include "crypto/masking/packing.h"
#include "crypto/primitives/bytes.h"
#include "proto/reason_status.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::client {
namespace {

absl::Status BadSum(absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_RESULT_REFUSED, text);
}

// A sum of a hundred million elements is decoded through a window of so many, so that memory holds
// the packed sum and the mean alone. Whole groups, and few enough for a core's cache.
constexpr uint64_t kWindowElements = 8192;
static_assert(kWindowElements % crypto::kElementsPerAlignment == 0);

// Before memory is spent on it.
absl::Status CheckPackedSize(absl::string_view packed, const v1::VectorSpec& spec) {
  const absl::StatusOr<Grid> grid = GridOf(spec);
  if (!grid.ok()) return grid.status();
  const uint64_t expected = PackedBytes(spec);
  if (packed.size() == expected) return absl::OkStatus();
  return BadSum(absl::StrCat("the packed sum must be ", expected, " bytes (", ElementsOf(spec),
                             " elements of ", spec.modulus_bits(), " bits), is ", packed.size()));
}

// `lanes`, the window from element `first` on, which begins a group.
absl::Status UnpackWindow(absl::string_view packed, uint32_t modulus_bits, uint64_t first,
                          crypto::LaneVector& lanes) {
  const uint64_t begin = first / crypto::kElementsPerAlignment * modulus_bits;
  const uint64_t bytes = crypto::PackedSize(lanes.size(), modulus_bits);
  const absl::Status status = lanes.Visit([&](auto window) {
    return crypto::Unpack(crypto::AsBytes(packed.substr(begin, bytes)), modulus_bits, window);
  });
  return status.ok() ? status : BadSum(status.message());
}

// The last element of all.
absl::StatusOr<uint64_t> ReadWeightSum(absl::string_view packed, const v1::VectorSpec& spec) {
  const uint64_t last = ElementsOf(spec) - 1;
  const uint64_t first = last / crypto::kElementsPerAlignment * crypto::kElementsPerAlignment;
  auto lanes = crypto::LaneVector::ForModulus(spec.modulus_bits(), last - first + 1);
  const absl::Status status = UnpackWindow(packed, spec.modulus_bits(), first, lanes);
  if (!status.ok()) return status;
  return lanes.Visit([](auto window) { return uint64_t{window.back()}; });
}

// `mean`: of the elements from `first` on.
template <typename LaneT>
absl::Status DecodeWindow(absl::Span<const LaneT> sums, const SumReader& reader,
                          uint64_t weight_sum, uint64_t first, absl::Span<float> mean) {
  for (size_t i = 0; i < mean.size(); ++i) {
    const uint64_t sum = sums[i];
    if (sum > reader.greatest()) {
      return BadSum(absl::StrCat("element ", first + i, " of the sum is ", sum, ", above ",
                                 reader.greatest(), ", the most for the weight sum of ", weight_sum,
                                 ": some client did not follow the protocol"));
    }
    mean[i] = reader.Mean(sum);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<crypto::LaneVector> UnpackSum(absl::string_view packed, const v1::VectorSpec& spec) {
  absl::Status status = CheckPackedSize(packed, spec);
  if (!status.ok()) return status;
  auto sums = crypto::LaneVector::ForModulus(spec.modulus_bits(), ElementsOf(spec));
  status = UnpackWindow(packed, spec.modulus_bits(), 0, sums);
  if (!status.ok()) return status;
  return sums;
}

absl::StatusOr<DecodedSum> DecodeSum(absl::string_view packed, const v1::VectorSpec& spec,
                                     uint32_t included) {
  absl::Status status = CheckPackedSize(packed, spec);
  if (!status.ok()) return status;
  const absl::StatusOr<uint64_t> weight_sum = ReadWeightSum(packed, spec);
  if (!weight_sum.ok()) return weight_sum.status();
  const absl::StatusOr<SumReader> reader = SumReader::Create(spec, included, *weight_sum);
  if (!reader.ok()) return reader.status();

  DecodedSum decoded{std::vector<float>(spec.dimension()), *weight_sum};
  const uint64_t elements = ElementsOf(spec);
  for (uint64_t first = 0; first < elements; first += kWindowElements) {
    auto sums = crypto::LaneVector::ForModulus(spec.modulus_bits(),
                                               std::min(kWindowElements, elements - first));
    status = UnpackWindow(packed, spec.modulus_bits(), first, sums);
    if (!status.ok()) return status;
    const absl::Span<float> mean = absl::MakeSpan(decoded.mean).subspan(first, sums.size());
    status = std::as_const(sums).Visit(
        [&](auto lanes) { return DecodeWindow(lanes, *reader, *weight_sum, first, mean); });
    if (!status.ok()) return status;
  }
  return decoded;
}

double MeanErrorBound(const v1::VectorSpec& spec) {
  const double clip = spec.clip();
  return 2 * clip / static_cast<double>(HighestLevel(spec.quantisation_bits())) +
         std::ldexp(clip, -23);
}

}  // namespace veilsum::client
