// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A classifier small enough to read: softmax over a linear layer (logistic regression), or over
// one hidden layer of ReLUs. Its weights are one flat vector of floats, as federated averaging
// wants them.

#ifndef VEILSUM_EXAMPLES_DEMO_CLASSIFIER_H_
#define VEILSUM_EXAMPLES_DEMO_CLASSIFIER_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "examples/demo/dataset.h"

namespace veilsum::demo {

struct Shape {
  size_t inputs = 0;
  size_t hidden = 0;  // 0: no hidden layer.
  size_t classes = 0;

  // Length of the flat vector: [inputs → hidden, biases,] → classes, biases.
  size_t weights() const;
};

// Small random weights from `seed`; zeros without a hidden layer.
std::vector<float> InitialWeights(const Shape& shape, uint64_t seed);

struct TrainingOptions {
  int epochs = 1;
  float rate = 0.1f;
  size_t batch = 16;
  uint64_t seed = 0;  // Order of the rows.
};

// Mini-batch gradient descent on cross-entropy, in place.
void Train(const Shape& shape, const Dataset& data, const TrainingOptions& options,
           std::vector<float>& weights);

// Fraction of rows classified correctly.
double Accuracy(const Shape& shape, absl::Span<const float> weights, const Dataset& data);

}  // namespace veilsum::demo

#endif  // VEILSUM_EXAMPLES_DEMO_CLASSIFIER_H_
