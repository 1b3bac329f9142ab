// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/cli/sum_decoder.h"

#include <bit>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "crypto/masking/lanes.h"
#include "crypto/masking/packing.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/transcript_hash.h"
#include "proto/reason_status.h"
#include "proto/validate.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::aggregator::cli {
namespace {

absl::Status BadSum(absl::string_view text) {
  return MakeError(absl::StatusCode::kDataLoss, v1::REASON_RESULT_REFUSED, text);
}

// Is this the sum that the session announced, and is its description sound?
absl::Status CheckSum(absl::string_view packed, const v1::Session& session) {
  const v1::SessionHeader& header = session.header();
  absl::Status spec = v1::ValidateVectorSpec(header.vector(), header.max_clients());
  if (!spec.ok()) return BadSum(absl::StrCat("the session's header is bad: ", spec.message()));
  if (packed.size() != PackedBytes(header.vector())) {
    return BadSum(absl::StrCat("the sum has ", packed.size(), " bytes, other than its vector"));
  }
  if (crypto::AsStringView(crypto::Sha256(crypto::AsBytes(packed))) != session.result_digest()) {
    return BadSum("the sum does not have the digest that the session announced");
  }
  return absl::OkStatus();
}

template <class LaneT>
absl::Status DecodeMean(absl::Span<const LaneT> sums, const SumReader& reader,
                        DecodedSum& decoded) {
  decoded.mean.reserve(sums.size() - 1);
  for (const LaneT sum : sums.first(sums.size() - 1)) {
    if (sum > reader.greatest()) {
      return BadSum("an element of the sum is larger than its weights allow");
    }
    decoded.mean.push_back(reader.Mean(sum));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DecodedSum> DecodeSum(absl::string_view packed, const v1::Session& session) {
  if (absl::Status status = CheckSum(packed, session); !status.ok()) return status;
  const v1::VectorSpec& spec = session.header().vector();
  auto sums = crypto::LaneVector::ForModulus(spec.modulus_bits(), ElementsOf(spec));
  const absl::Status unpacked = sums.Visit([&](auto lanes) {
    return crypto::Unpack(crypto::AsBytes(packed), spec.modulus_bits(), lanes);
  });
  if (!unpacked.ok()) return BadSum(unpacked.message());
  DecodedSum decoded;
  decoded.weight_sum = sums.Visit([](auto lanes) { return uint64_t{lanes.back()}; });
  const absl::StatusOr<SumReader> reader =
      SumReader::Create(spec, session.included(), decoded.weight_sum);
  if (!reader.ok()) return BadSum(reader.status().message());
  const absl::Status possible =
      std::as_const(sums).Visit([&](auto lanes) { return DecodeMean(lanes, *reader, decoded); });
  if (!possible.ok()) return possible;
  return decoded;
}

std::string ToNpy(const std::vector<float>& mean) {
  constexpr size_t kMagicBytes = 10;  // "\x93NUMPY", version 1.0, length of the description
  constexpr size_t kAlignment = 64;
  std::string description =
      absl::StrCat("{'descr': '<f4', 'fortran_order': False, 'shape': (", mean.size(), ",), }");
  // Filled up with spaces and ended by a line feed.
  const size_t unpadded = kMagicBytes + description.size() + 1;
  description.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  description += '\n';
  std::string npy("\x93NUMPY\x01\x00", 8);
  npy += static_cast<char>(description.size() & 0xff);
  npy += static_cast<char>(description.size() >> 8);
  npy += description;
  npy.reserve(npy.size() + mean.size() * sizeof(float));
  for (float element : mean) {
    const auto bits = std::bit_cast<uint32_t>(element);
    for (int shift = 0; shift < 32; shift += 8) npy += static_cast<char>(bits >> shift);
  }
  return npy;
}

std::string ToCsv(const std::vector<float>& mean) {
  std::string csv;
  for (float element : mean) {
    absl::StrAppendFormat(&csv, "%.*g\n", std::numeric_limits<float>::max_digits10,
                          static_cast<double>(element));
  }
  return csv;
}

}  // namespace veilsum::aggregator::cli
