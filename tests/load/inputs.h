// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What a session's clients put in, added up beside the aggregator, so that its sum can be judged.
#ifndef VEILSUM_TESTS_LOAD_INPUTS_H_
#define VEILSUM_TESTS_LOAD_INPUTS_H_

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "proto/session.pb.h"

namespace veilsum::load {

// Hexadecimal SHA-256 of a mean, float by float.
std::string MeanDigest(absl::Span<const float> mean);

// Element by element, so that it does not grow with the clients. Thread-safe.
class Inputs {
 public:
  // `spec` without its modulus, which comes with the first input.
  explicit Inputs(v1::VectorSpec spec) : spec_(std::move(spec)) {}

  template <class Elements>
  void Add(uint32_t modulus_bits, const Elements& elements) {
    const std::lock_guard<std::mutex> lock(mutex_);
    spec_.set_modulus_bits(modulus_bits);
    sum_.resize(elements.size());
    for (size_t i = 0; i < sum_.size(); ++i) sum_[i] += elements[i];
    ++inputs_;
  }

  // For another process whose clients take part in the same session: appears as a whole.
  // UNAVAILABLE while there is no such file.
  absl::Status Save(const std::string& path) const;
  absl::Status Merge(const std::string& path);

  struct Expected {
    uint32_t inputs = 0;
    std::string sum_digest;   // Of the packed sum, as an operator's `session watch` shows it.
    std::string mean_digest;  // As MeanDigest.
  };
  absl::StatusOr<Expected> Expect() const;

 private:
  mutable std::mutex mutex_;
  v1::VectorSpec spec_;
  uint32_t inputs_ = 0;
  std::vector<uint64_t> sum_;
};

}  // namespace veilsum::load

#endif  // VEILSUM_TESTS_LOAD_INPUTS_H_
