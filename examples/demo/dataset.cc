// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "examples/demo/dataset.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <random>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "examples/demo/files.h"

namespace veilsum::demo {
namespace {

// Public reference values (centre, spread) of the 30 measurements, rounded: agreed on by the
// participants beforehand, so that no one's own statistics need to be shared.
struct Reference {
  float centre, spread;
};
constexpr std::array<Reference, 30> kMeasurements = {{
    {14, 3.5f},       {19, 4.3f},      {92, 24},          {650, 350},        {0.096f, 0.014f},
    {0.1f, 0.053f},   {0.089f, 0.08f}, {0.049f, 0.039f},  {0.18f, 0.027f},   {0.063f, 0.0071f},
    {0.41f, 0.28f},   {1.2f, 0.55f},   {2.9f, 2},         {40, 45},          {0.007f, 0.003f},
    {0.025f, 0.018f}, {0.032f, 0.03f}, {0.012f, 0.0062f}, {0.021f, 0.0083f}, {0.0038f, 0.0026f},
    {16, 4.8f},       {26, 6.1f},      {110, 34},         {880, 570},        {0.13f, 0.023f},
    {0.25f, 0.16f},   {0.27f, 0.21f},  {0.11f, 0.066f},   {0.29f, 0.062f},   {0.084f, 0.018f},
}};

// `skip` header lines, then `features` numbers and a label a line.
absl::StatusOr<Dataset> ParseRows(absl::string_view csv, size_t skip, size_t features,
                                  size_t classes) {
  Dataset data{.features = features, .classes = classes, .values = {}, .labels = {}};
  size_t line_number = 0;
  for (absl::string_view line : absl::StrSplit(csv, '\n', absl::SkipWhitespace())) {
    if (line_number++ < skip) continue;
    const std::vector<absl::string_view> cells = absl::StrSplit(line, ',');
    if (cells.size() != features + 1) {
      return absl::InvalidArgumentError(absl::StrCat("line ", line_number, ": ", cells.size(),
                                                     " columns instead of ", features + 1));
    }
    for (size_t i = 0; i < features; ++i) {
      float value;
      if (!absl::SimpleAtof(cells[i], &value)) {
        return absl::InvalidArgumentError(
            absl::StrCat("line ", line_number, ", column ", i + 1, ": not a number"));
      }
      data.values.push_back(value);
    }
    float label;
    if (!absl::SimpleAtof(cells[features], &label) || label < 0 || label >= classes) {
      return absl::InvalidArgumentError(absl::StrCat("line ", line_number, ": no such class"));
    }
    data.labels.push_back(static_cast<uint32_t>(label));
  }
  return data;
}

void Append(Dataset& to, const Dataset& from, size_t row) {
  to.values.insert(to.values.end(), from.row(row), from.row(row) + from.features);
  to.labels.push_back(from.labels[row]);
}

Dataset EmptyLike(const Dataset& other) {
  return Dataset{.features = other.features, .classes = other.classes, .values = {}, .labels = {}};
}

}  // namespace

absl::StatusOr<Dataset> ParseBreastCancer(absl::string_view csv) {
  absl::StatusOr<Dataset> data = ParseRows(csv, /*skip=*/1, kMeasurements.size(), /*classes=*/2);
  if (!data.ok()) return data;
  for (size_t i = 0; i < data->values.size(); ++i) {
    const Reference& reference = kMeasurements[i % kMeasurements.size()];
    data->values[i] =
        std::clamp((data->values[i] - reference.centre) / reference.spread, -4.0f, 4.0f);
  }
  return data;
}

absl::StatusOr<Dataset> ParseDigits(absl::string_view csv) {
  absl::StatusOr<Dataset> data = ParseRows(csv, /*skip=*/0, /*features=*/64, /*classes=*/10);
  if (!data.ok()) return data;
  for (float& value : data->values) value = value / 8.0f - 1.0f;
  return data;
}

Split SplitAmong(const Dataset& all, size_t participants, double skew, uint64_t seed) {
  std::vector<size_t> order(all.rows());
  std::iota(order.begin(), order.end(), 0);
  std::mt19937_64 random(seed);
  std::shuffle(order.begin(), order.end(), random);

  Split split{.test = EmptyLike(all), .parts = {}};
  std::vector<size_t> training;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i % 5 == 0) {
      Append(split.test, all, order[i]);
    } else {
      training.push_back(order[i]);
    }
  }

  // Shares 1 … skew in equal steps; boundaries from their running sum.
  std::vector<double> shares(participants);
  for (size_t i = 0; i < participants; ++i) {
    shares[i] = 1.0 + (skew - 1.0) * static_cast<double>(i) /
                          static_cast<double>(std::max<size_t>(participants - 1, 1));
  }
  const double total = std::accumulate(shares.begin(), shares.end(), 0.0);
  double running = 0;
  size_t next = 0;
  for (size_t i = 0; i < participants; ++i) {
    running += shares[i];
    const size_t end = i + 1 == participants
                           ? training.size()
                           : static_cast<size_t>(std::lround(running / total *
                                                             static_cast<double>(training.size())));
    Dataset part = EmptyLike(all);
    for (; next < end; ++next) Append(part, all, training[next]);
    split.parts.push_back(std::move(part));
  }
  return split;
}

absl::Status WriteDataset(const std::string& path, const Dataset& data) {
  std::string text = absl::StrCat(data.features, ",", data.classes, "\n");
  for (size_t i = 0; i < data.rows(); ++i) {
    absl::StrAppend(&text, absl::StrJoin(data.row(i), data.row(i) + data.features, ","), ",",
                    data.labels[i], "\n");
  }
  return WriteFile(path, text);
}

absl::StatusOr<Dataset> ReadDataset(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  const std::vector<absl::string_view> counts =
      absl::StrSplit(absl::string_view(*text).substr(0, text->find('\n')), ',');
  size_t features, classes;
  if (counts.size() != 2 || !absl::SimpleAtoi(counts[0], &features) ||
      !absl::SimpleAtoi(counts[1], &classes)) {
    return absl::DataLossError(absl::StrCat(path, ": no counts in the first line"));
  }
  return ParseRows(*text, /*skip=*/1, features, classes);
}

Dataset Pool(const std::vector<Dataset>& parts) {
  Dataset pooled = EmptyLike(parts.front());
  for (const Dataset& part : parts) {
    for (size_t i = 0; i < part.rows(); ++i) Append(pooled, part, i);
  }
  return pooled;
}

}  // namespace veilsum::demo
