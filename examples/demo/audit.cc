// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "examples/demo/audit.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace veilsum::demo {

std::vector<uint64_t> ReadPacked(absl::string_view packed, uint32_t bits, size_t count) {
  std::vector<uint64_t> elements(count);
  for (size_t i = 0; i < count * bits; ++i) {
    if (i / 8 >= packed.size()) break;
    const uint64_t bit = (static_cast<uint8_t>(packed[i / 8]) >> (i % 8)) & 1;
    elements[i / bits] |= bit << (i % bits);
  }
  return elements;
}

absl::Status CheckSum(absl::Span<const std::vector<uint64_t>> inputs,
                      absl::Span<const uint64_t> published, uint32_t bits) {
  const uint64_t below = bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
  for (size_t i = 0; i < published.size(); ++i) {
    uint64_t sum = 0;
    for (const std::vector<uint64_t>& input : inputs) {
      if (input.size() != published.size()) {
        return absl::DataLossError(
            absl::StrCat("an input of ", input.size(), " elements, a sum of ", published.size()));
      }
      sum += input[i];
    }
    if ((sum & below) != published[i]) {
      return absl::DataLossError(absl::StrCat("element ", i, ": published ", published[i],
                                              ", the plain sum is ", sum & below));
    }
  }
  return absl::OkStatus();
}

std::vector<float> MeanOf(absl::Span<const uint64_t> sum, uint32_t quantisation_bits, float clip) {
  const double top =
      static_cast<double>(sum.back()) * static_cast<double>((uint64_t{1} << quantisation_bits) - 1);
  std::vector<float> mean(sum.size() - 1);
  for (size_t i = 0; i < mean.size(); ++i) {
    mean[i] = static_cast<float>(clip * (2.0 * static_cast<double>(sum[i]) / top - 1.0));
  }
  return mean;
}

double Correlation(absl::Span<const uint64_t> one, absl::Span<const uint64_t> other) {
  const double n = static_cast<double>(one.size());
  double x = 0, y = 0, xx = 0, yy = 0, xy = 0;
  for (size_t i = 0; i < one.size(); ++i) {
    const double a = static_cast<double>(one[i]), b = static_cast<double>(other[i]);
    x += a;
    y += b;
    xx += a * a;
    yy += b * b;
    xy += a * b;
  }
  const double spread = std::sqrt((xx - x * x / n) * (yy - y * y / n));
  return spread > 0 ? (xy - x * y / n) / spread : 0;
}

}  // namespace veilsum::demo
