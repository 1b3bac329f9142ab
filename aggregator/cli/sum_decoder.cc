// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/cli/sum_decoder.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include "absl/numeric/int128.h"
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
  if (packed.size() !=
      PackedBytes(header.vector().dimension() + 1, header.vector().modulus_bits())) {
    return BadSum(absl::StrCat("the sum has ", packed.size(), " bytes, other than its vector"));
  }
  if (crypto::AsStringView(crypto::Sha256(crypto::AsBytes(packed))) != session.result_digest()) {
    return BadSum("the sum does not have the digest that the session announced");
  }
  return absl::OkStatus();
}

absl::Status CheckWeights(uint64_t weight_sum, const v1::Session& session) {
  const uint64_t max_weight = session.header().vector().max_weight();
  if (weight_sum >= std::max<uint64_t>(1, session.included()) &&
      absl::uint128(weight_sum) <= absl::uint128(session.included()) * max_weight) {
    return absl::OkStatus();
  }
  return BadSum(absl::StrCat("the weights add up to ", weight_sum, ", but each of ",
                             session.included(), " inputs weighs from 1 to ", max_weight));
}

// False for an element that is impossible. clip · (2·S / (Ω · (2^b − 1)) − 1), computed in the
// order in which clients do.
template <class LaneT>
bool DecodeMean(absl::Span<const LaneT> sums, const v1::VectorSpec& spec, DecodedSum& decoded) {
  const uint64_t highest = HighestLevel(spec.quantisation_bits());
  const absl::uint128 most = absl::uint128(decoded.weight_sum) * highest;
  const double scale = 2 / (static_cast<double>(decoded.weight_sum) * static_cast<double>(highest));
  decoded.mean.reserve(sums.size() - 1);
  for (const LaneT lane : sums.first(sums.size() - 1)) {
    const uint64_t sum = lane;
    if (sum > most) return false;
    decoded.mean.push_back(
        static_cast<float>(double{spec.clip()} * (static_cast<double>(sum) * scale - 1)));
  }
  return true;
}

}  // namespace

absl::StatusOr<DecodedSum> DecodeSum(absl::string_view packed, const v1::Session& session) {
  if (absl::Status status = CheckSum(packed, session); !status.ok()) return status;
  const v1::VectorSpec& spec = session.header().vector();
  auto sums = crypto::LaneVector::ForModulus(spec.modulus_bits(), spec.dimension() + 1);
  const absl::Status unpacked = sums.Visit([&](auto lanes) {
    return crypto::Unpack(crypto::AsBytes(packed), spec.modulus_bits(), lanes);
  });
  if (!unpacked.ok()) return BadSum(unpacked.message());
  DecodedSum decoded;
  decoded.weight_sum = sums.Visit([](auto lanes) { return uint64_t{lanes.back()}; });
  if (absl::Status status = CheckWeights(decoded.weight_sum, session); !status.ok()) return status;
  const bool possible =
      std::as_const(sums).Visit([&](auto lanes) { return DecodeMean(lanes, spec, decoded); });
  if (!possible) return BadSum("an element of the sum is larger than its weights allow");
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
