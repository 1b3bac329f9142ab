// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The demo's two data sets, split into the uneven parts that its participants own.

#ifndef VEILSUM_EXAMPLES_DEMO_DATASET_H_
#define VEILSUM_EXAMPLES_DEMO_DATASET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace veilsum::demo {

// Rows of `features` floats, scaled to about [-3, 3], and one label each.
struct Dataset {
  size_t features = 0;
  size_t classes = 0;
  std::vector<float> values;  // rows × features
  std::vector<uint32_t> labels;

  size_t rows() const { return labels.size(); }
  const float* row(size_t i) const { return values.data() + i * features; }
};

// Wisconsin breast cancer: 569 × 30, two classes. A line of counts, then features and label.
absl::StatusOr<Dataset> ParseBreastCancer(absl::string_view csv);
// UCI handwritten digits: 1,797 × 64, ten classes. Features (0 … 16) and label.
absl::StatusOr<Dataset> ParseDigits(absl::string_view csv);

// Every fifth row of a seeded shuffle is for testing; the rest is dealt out to the participants
// in parts that grow from the first to the last, so that the last owns about `skew` times as much
// as the first.
struct Split {
  Dataset test;
  std::vector<Dataset> parts;
};
Split SplitAmong(const Dataset& all, size_t participants, double skew, uint64_t seed);
// As one participant keeps its own part in a file.
absl::Status WriteDataset(const std::string& path, const Dataset& data);
absl::StatusOr<Dataset> ReadDataset(const std::string& path);
// All parts put together again: what a central trainer would have.
Dataset Pool(const std::vector<Dataset>& parts);

}  // namespace veilsum::demo

#endif  // VEILSUM_EXAMPLES_DEMO_DATASET_H_
