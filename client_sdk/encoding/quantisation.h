// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The grid of levels that both directions of the encoding share. Internal to encoding/.
// Pure; thread-safe.
#ifndef VEILSUM_CLIENT_SDK_ENCODING_QUANTISATION_H_
#define VEILSUM_CLIENT_SDK_ENCODING_QUANTISATION_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "proto/session.pb.h"

namespace veilsum::client {

// Level l of 0 … highest_level stands for the value -clip + l · step.
struct Grid {
  double clip = 0;
  uint64_t highest_level = 0;  // 2^b − 1
  double levels_per_unit = 0;  // highest_level / (2 · clip)
  double step = 0;             // 2 · clip / highest_level
};

// INVALID_ARGUMENT naming the field when the spec is not one that a header may hold; all of
// docs/protocol.md, "Vectors", but for the number of clients behind modulus_bits.
absl::StatusOr<Grid> GridOf(const v1::VectorSpec& spec);

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_ENCODING_QUANTISATION_H_
