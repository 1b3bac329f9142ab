// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The accumulator and whose inputs are in it, as one blob: a receipt is a promise, and this is what
// keeps it. Pure: who writes the bytes, and where to, is aggregator/store's business.
//
// Format, all numbers little-endian: "VSUMCKPT" | version u32 | B u32 | session id, 16 bytes |
// generation u64 | elements u64 | inputs u32 | each: identity, 32 bytes, SHA-256 of its packed
// bytes | the lanes, 2, 4 or 8 bytes each | SHA-256 of all before it.
#ifndef VEILSUM_AGGREGATOR_ACCUMULATE_CHECKPOINT_H_
#define VEILSUM_AGGREGATOR_ACCUMULATE_CHECKPOINT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "aggregator/accumulate/accumulator.h"
#include "aggregator/protocol/operations.h"

namespace veilsum::aggregator {

struct CheckpointName {
  std::string session_id;  // 16 bytes
  uint64_t generation = 0;
  std::vector<CountedUpload> included;
};

struct Checkpoint {
  CheckpointName name;
  Accumulator accumulator;
};

// Copies the lanes: the accumulator may change as soon as it returns.
std::string EncodeCheckpoint(const CheckpointName& name, const Accumulator& accumulator);

// DATA_LOSS (REASON_STORAGE_FAILED) for anything that EncodeCheckpoint did not write. No memory is
// taken before the length is known to be right.
absl::StatusOr<Checkpoint> DecodeCheckpoint(absl::string_view bytes);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_ACCUMULATE_CHECKPOINT_H_
