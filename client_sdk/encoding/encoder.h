// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// From a caller's update to the integers that are masked: clipped, quantised, weighted.
// docs/protocol.md, "Vectors". Pure; thread-safe.
#ifndef VEILSUM_CLIENT_SDK_ENCODING_ENCODER_H_
#define VEILSUM_CLIENT_SDK_ENCODING_ENCODER_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client_sdk/encoding/input_source.h"
#include "crypto/masking/lanes.h"
#include "crypto/primitives/secret.h"
#include "proto/session.pb.h"

namespace veilsum::client {

// Is this an update and weight that the session can take? Cheap next to encoding, so that a caller
// can be told before anything is sent. INVALID_ARGUMENT (REASON_INVALID_ARGUMENT) for a wrong
// length, the first NaN or infinity by its index, a weight of 0 or above max_weight, and a bad
// spec.
absl::Status CheckUpdate(absl::Span<const float> update, uint64_t weight,
                         const v1::VectorSpec& spec);

// What clipping did, for the caller and nobody else.
struct Clipping {
  double fraction_clipped = 0;  // Of the elements: were outside [-clip, clip] after scaling.
  double norm_scale = 1;        // At most 1: the factor by which norm_clip scaled the update.
};

// Scales an update to the L2 norm norm_clip if it is longer (0: never), clips each element to
// [-clip, clip], and rounds it to one of the 2^b levels, up with the probability of the fraction:
// the expectation is the clipped value, to within 2^-32 of a step. Then multiplies by the weight.
//
// Deterministic: the random words come from a stream of the rounding seed, four bytes an element,
// so that any part may be encoded by itself, and again. Holds nothing but the seed's stream.
class UpdateSource : public InputSource {
 public:
  // `update` outlives it. Fails as CheckUpdate does. Two passes over the update.
  static absl::StatusOr<std::unique_ptr<const UpdateSource>> Create(
      absl::Span<const float> update, uint64_t weight, const v1::VectorSpec& spec,
      const crypto::RandomSeed& rounding_seed);

  virtual const Clipping& clipping() const = 0;
};

// All of it at once.
struct EncodedInput {
  crypto::LaneVector values;
  double fraction_clipped = 0;
  double norm_scale = 1;
};
absl::StatusOr<EncodedInput> EncodeUpdate(absl::Span<const float> update, uint64_t weight,
                                          const v1::VectorSpec& spec,
                                          const crypto::RandomSeed& rounding_seed);

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_ENCODING_ENCODER_H_
