// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// From the packed sum to the weighted mean, for an operator that the result is for.
// docs/protocol.md, "Vectors". Pure.
#ifndef VEILSUM_AGGREGATOR_CLI_SUM_DECODER_H_
#define VEILSUM_AGGREGATOR_CLI_SUM_DECODER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/operator.pb.h"

namespace veilsum::aggregator::cli {

struct DecodedSum {
  std::vector<float> mean;  // dimension elements
  uint64_t weight_sum = 0;
};

// `session` is that of a completed session: its header says how to read the sum, and its digest
// that this is it. DATA_LOSS (REASON_RESULT_REFUSED) if it is not, or if it is a sum that no
// clients who follow the protocol can have.
absl::StatusOr<DecodedSum> DecodeSum(absl::string_view packed, const v1::Session& session);

// The mean as a file: NumPy's format 1.0 (little-endian float32), or one number a line.
std::string ToNpy(const std::vector<float>& mean);
std::string ToCsv(const std::vector<float>& mean);

}  // namespace veilsum::aggregator::cli

#endif  // VEILSUM_AGGREGATOR_CLI_SUM_DECODER_H_
