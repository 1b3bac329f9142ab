// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/plain_sum.h"

#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/types/span.h"
#include "crypto/masking/packing.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/transcript_hash.h"

namespace veilsum::bench {
namespace {

// Clients' vectors are windows of one, shifted by some of these groups, so that they differ and
// still are in memory once.
constexpr size_t kShiftElements = 8;
constexpr uint32_t kShifts = 16;

// Small whole numbers: their sum is exact in float32, in whatever order they are added.
uint32_t ElementAt(uint64_t i) { return static_cast<uint32_t>(i * 2654435761u >> 20) & 0xFF; }

template <class T>
std::string Hash(const std::vector<T>& sum) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(sum.data());
  const crypto::Digest digest = crypto::Sha256(absl::MakeSpan(bytes, sum.size() * sizeof(T)));
  return absl::BytesToHexString(crypto::ToString(digest));
}

}  // namespace

uint64_t PlainForm::upload_bytes() const {
  return bits == 0 ? dimension * 4 : crypto::PackedSize(dimension, bits);
}

PlainUploads::PlainUploads(PlainForm form) : form_(form) {
  const uint64_t elements = form.dimension + kShiftElements * kShifts;
  std::vector<uint32_t> lanes(elements);
  for (uint64_t i = 0; i < elements; ++i) lanes[i] = ElementAt(i);
  if (form.bits == 0) {
    const std::vector<float> floats(lanes.begin(), lanes.end());
    bytes_.resize(elements * sizeof(float));
    std::memcpy(bytes_.data(), floats.data(), bytes_.size());
  } else {
    bytes_.resize(crypto::PackedSize(elements, form.bits));
    // Cannot fail: sizes are computed here.
    crypto::Pack<uint32_t>(lanes, form.bits, absl::MakeSpan(bytes_)).IgnoreError();
  }
}

const uint8_t* PlainUploads::Of(uint32_t client) const {
  const size_t groups = client % kShifts * kShiftElements / form_.group_elements();
  return bytes_.data() + groups * form_.group_bytes();
}

std::string PlainUploads::ExpectedDigest(uint32_t clients) const {
  std::vector<uint32_t> sum(form_.dimension);
  for (uint32_t shift = 0; shift < kShifts; ++shift) {
    const uint32_t times = clients / kShifts + (shift < clients % kShifts ? 1 : 0);
    for (uint64_t i = 0; i < form_.dimension; ++i) {
      sum[i] += times * ElementAt(i + shift * kShiftElements);
    }
  }
  if (form_.bits > 0) return SumDigest(std::move(sum), form_.bits);
  return SumDigest(std::vector<float>(sum.begin(), sum.end()));
}

std::string SumDigest(const std::vector<float>& sum) { return Hash(sum); }

std::string SumDigest(std::vector<uint32_t> sum, uint32_t bits) {
  if (bits < 32) {
    for (uint32_t& word : sum) word &= (uint32_t{1} << bits) - 1;
  }
  return Hash(sum);
}

}  // namespace veilsum::bench
