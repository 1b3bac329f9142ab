// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// From the packed sum to the weighted mean. docs/protocol.md, "Vectors". Pure; thread-safe.
#ifndef VEILSUM_CLIENT_SDK_ENCODING_DECODER_H_
#define VEILSUM_CLIENT_SDK_ENCODING_DECODER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "crypto/masking/lanes.h"
#include "proto/session.pb.h"

namespace veilsum::client {

// The sum as integers, for audits: dimension + 1 lanes, the last one the sum of the weights.
// INVALID_ARGUMENT (REASON_RESULT_REFUSED) when `packed` has another length than the spec says, or
// padding that is not zero.
absl::StatusOr<crypto::LaneVector> UnpackSum(absl::string_view packed, const v1::VectorSpec& spec);

struct DecodedSum {
  std::vector<float> mean;  // dimension elements, within [-clip, clip].
  uint64_t weight_sum = 0;
};

// The weighted mean of the `included` clipped updates: clip · (2 · S / (Ω · (2^b − 1)) − 1).
//
// INVALID_ARGUMENT (REASON_RESULT_REFUSED), as UnpackSum, and for sums that no `included` inputs
// can have: a weight sum outside included … included · max_weight, or an element above the weight
// sum times the highest level. Some client then did not follow the protocol.
absl::StatusOr<DecodedSum> DecodeSum(absl::string_view packed, const v1::VectorSpec& spec,
                                     uint32_t included);

// How far an element of DecodedSum::mean is from the weighted mean of the clipped updates, at most.
//
// Rounding moves each client's element by less than one step, 2 · clip / (2^b − 1), up or down, and
// a weighted mean moves no more than its members. The sum itself is exact, and the mean is computed
// in double, so all that is added is its rounding to float, at most clip · 2^-24, allowed for
// twice. That is the worst case: errors of different clients are independent with mean zero and a
// standard deviation of at most half a step, so that for n equal weights the mean's is at most
// step / (2 · √n).
double MeanErrorBound(const v1::VectorSpec& spec);

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_ENCODING_DECODER_H_
