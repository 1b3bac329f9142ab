// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/encoding/decoder.h"

#include <cmath>
#include <cstddef>

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

template <typename LaneT>
absl::Status DecodeMean(absl::Span<const LaneT> sums, const SumReader& reader,
                        DecodedSum& decoded) {
  decoded.mean.resize(sums.size() - 1);
  for (size_t i = 0; i < decoded.mean.size(); ++i) {
    const uint64_t sum = sums[i];
    if (sum > reader.greatest()) {
      return BadSum(absl::StrCat("element ", i, " of the sum is ", sum, ", above ",
                                 reader.greatest(), ", the most for the weight sum of ",
                                 decoded.weight_sum, ": some client did not follow the protocol"));
    }
    decoded.mean[i] = reader.Mean(sum);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<crypto::LaneVector> UnpackSum(absl::string_view packed, const v1::VectorSpec& spec) {
  const absl::StatusOr<Grid> grid = GridOf(spec);
  if (!grid.ok()) return grid.status();
  const uint64_t elements = ElementsOf(spec);
  const uint64_t expected = PackedBytes(spec);
  // Before memory is spent on it.
  if (packed.size() != expected) {
    return BadSum(absl::StrCat("the packed sum must be ", expected, " bytes (", elements,
                               " elements of ", spec.modulus_bits(), " bits), is ", packed.size()));
  }
  auto sums = crypto::LaneVector::ForModulus(spec.modulus_bits(), elements);
  const absl::Status status = sums.Visit([&](auto lanes) {
    return crypto::Unpack(crypto::AsBytes(packed), spec.modulus_bits(), lanes);
  });
  if (!status.ok()) return BadSum(status.message());
  return sums;
}

absl::StatusOr<DecodedSum> DecodeSum(absl::string_view packed, const v1::VectorSpec& spec,
                                     uint32_t included) {
  const absl::StatusOr<crypto::LaneVector> sums = UnpackSum(packed, spec);
  if (!sums.ok()) return sums.status();
  DecodedSum decoded;
  decoded.weight_sum = sums->Visit([](auto lanes) { return uint64_t{lanes.back()}; });
  const absl::StatusOr<SumReader> reader = SumReader::Create(spec, included, decoded.weight_sum);
  if (!reader.ok()) return reader.status();
  const absl::Status status =
      sums->Visit([&](auto lanes) { return DecodeMean(lanes, *reader, decoded); });
  if (!status.ok()) return status;
  return decoded;
}

double MeanErrorBound(const v1::VectorSpec& spec) {
  const double clip = spec.clip();
  return 2 * clip / static_cast<double>(HighestLevel(spec.quantisation_bits())) +
         std::ldexp(clip, -23);
}

}  // namespace veilsum::client
