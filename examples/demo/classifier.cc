// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "examples/demo/classifier.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace veilsum::demo {
namespace {

// One dense layer inside the flat vector: `out` rows of `in` weights, then `out` biases.
struct Layer {
  size_t offset, in, out;
  size_t size() const { return in * out + out; }
};

std::vector<Layer> LayersOf(const Shape& shape) {
  if (shape.hidden == 0) return {{0, shape.inputs, shape.classes}};
  const Layer first{0, shape.inputs, shape.hidden};
  return {first, {first.size(), shape.hidden, shape.classes}};
}

std::vector<float> Forward(const Layer& layer, absl::Span<const float> weights, const float* in) {
  std::vector<float> out(layer.out);
  const float* matrix = weights.data() + layer.offset;
  const float* biases = matrix + layer.in * layer.out;
  for (size_t o = 0; o < layer.out; ++o) {
    out[o] = std::inner_product(in, in + layer.in, matrix + o * layer.in, biases[o]);
  }
  return out;
}

void Rectify(std::vector<float>& values) {
  for (float& value : values) value = std::max(value, 0.0f);
}

void Softmax(std::vector<float>& logits) {
  const float greatest = *std::max_element(logits.begin(), logits.end());
  float sum = 0;
  for (float& logit : logits) sum += logit = std::exp(logit - greatest);
  for (float& logit : logits) logit /= sum;
}

// Adds the gradient of `layer` for one row and returns the error at its inputs.
std::vector<float> Backward(const Layer& layer, absl::Span<const float> weights, const float* in,
                            const std::vector<float>& error, std::vector<float>& gradient) {
  std::vector<float> below(layer.in);
  for (size_t o = 0; o < layer.out; ++o) {
    float* row = gradient.data() + layer.offset + o * layer.in;
    const float* matrix = weights.data() + layer.offset + o * layer.in;
    for (size_t i = 0; i < layer.in; ++i) {
      row[i] += error[o] * in[i];
      below[i] += error[o] * matrix[i];
    }
    gradient[layer.offset + layer.in * layer.out + o] += error[o];
  }
  return below;
}

void AddGradient(const std::vector<Layer>& layers, absl::Span<const float> weights,
                 const float* row, uint32_t label, std::vector<float>& gradient) {
  std::vector<float> hidden;
  const float* last_input = row;
  if (layers.size() == 2) {
    hidden = Forward(layers[0], weights, row);
    Rectify(hidden);
    last_input = hidden.data();
  }
  std::vector<float> error = Forward(layers.back(), weights, last_input);
  Softmax(error);
  error[label] -= 1.0f;
  std::vector<float> below = Backward(layers.back(), weights, last_input, error, gradient);
  if (layers.size() == 2) {
    for (size_t i = 0; i < hidden.size(); ++i) {
      if (hidden[i] == 0) below[i] = 0;
    }
    Backward(layers[0], weights, row, below, gradient);
  }
}

}  // namespace

size_t Shape::weights() const {
  size_t total = 0;
  for (const Layer& layer : LayersOf(*this)) total += layer.size();
  return total;
}

std::vector<float> InitialWeights(const Shape& shape, uint64_t seed) {
  std::vector<float> weights(shape.weights());
  if (shape.hidden == 0) return weights;
  std::mt19937_64 random(seed);
  for (const Layer& layer : LayersOf(shape)) {
    std::normal_distribution<float> normal(0, std::sqrt(2.0f / static_cast<float>(layer.in)));
    for (size_t i = 0; i < layer.in * layer.out; ++i) weights[layer.offset + i] = normal(random);
  }
  return weights;
}

void Train(const Shape& shape, const Dataset& data, const TrainingOptions& options,
           std::vector<float>& weights) {
  const std::vector<Layer> layers = LayersOf(shape);
  std::vector<size_t> order(data.rows());
  std::iota(order.begin(), order.end(), 0);
  std::mt19937_64 random(options.seed);
  std::vector<float> gradient(weights.size());
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    std::shuffle(order.begin(), order.end(), random);
    for (size_t begin = 0; begin < order.size(); begin += options.batch) {
      const size_t end = std::min(begin + options.batch, order.size());
      std::fill(gradient.begin(), gradient.end(), 0.0f);
      for (size_t i = begin; i < end; ++i) {
        AddGradient(layers, weights, data.row(order[i]), data.labels[order[i]], gradient);
      }
      const float step = options.rate / static_cast<float>(end - begin);
      for (size_t i = 0; i < weights.size(); ++i) weights[i] -= step * gradient[i];
    }
  }
}

double Accuracy(const Shape& shape, absl::Span<const float> weights, const Dataset& data) {
  const std::vector<Layer> layers = LayersOf(shape);
  size_t correct = 0;
  for (size_t i = 0; i < data.rows(); ++i) {
    std::vector<float> values = Forward(layers[0], weights, data.row(i));
    if (layers.size() == 2) {
      Rectify(values);
      values = Forward(layers[1], weights, values.data());
    }
    const auto best = std::max_element(values.begin(), values.end()) - values.begin();
    correct += static_cast<uint32_t>(best) == data.labels[i];
  }
  return data.rows() == 0 ? 0 : static_cast<double>(correct) / static_cast<double>(data.rows());
}

}  // namespace veilsum::demo
