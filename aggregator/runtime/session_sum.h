// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The heavy part of a session: its running sum, on the compute pool. One thing at a time, each on
// all cores.
#ifndef VEILSUM_AGGREGATOR_RUNTIME_SESSION_SUM_H_
#define VEILSUM_AGGREGATOR_RUNTIME_SESSION_SUM_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aggregator/accumulate/accumulator.h"
#include "aggregator/accumulate/unmask.h"
#include "aggregator/protocol/operations.h"
#include "aggregator/protocol/unmask_plan.h"
#include "aggregator/runtime/executors.h"
#include "aggregator/runtime/pending_uploads.h"
#include "aggregator/runtime/session_result.h"
#include "crypto/masking/lanes.h"
#include "metrics/recorder.h"
#include "proto/session.pb.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::aggregator {

// Thread-safe. Callbacks run on the compute pool; work that was begun keeps the object alive.
class SessionSum : public std::enable_shared_from_this<SessionSum> {
 public:
  SessionSum(Executors& executors, metrics::Recorder& recorder);
  ~SessionSum();

  // Memory of a session's sum.
  static uint64_t Bytes(const v1::VectorSpec& spec) {
    return Bytes(ElementsOf(spec), spec.modulus_bits());
  }

  // Sets the memory of the sum aside. Fails all that follows if that does not work.
  void Begin(const v1::VectorSpec& spec);
  // Instead of Begin: a sum that was stored, with the inputs in it.
  void Restore(Accumulator accumulator, std::vector<CountedUpload> included);
  // `name` stands for the upload in checkpoints.
  void Fold(std::shared_ptr<TakenUpload> upload, CountedUpload name,
            std::function<void(absl::Status)> done);
  // The sum as it is now and the names of exactly those in it, encoded (checkpoint.h). Those may be
  // some more than were reported: folds that are over and not heard of yet.
  void Checkpoint(std::string session_id, uint64_t generation,
                  std::function<void(absl::StatusOr<std::shared_ptr<const std::string>>)> done);
  // Ends the sum and gives its memory back.
  void Unmask(std::shared_ptr<const UnmaskPlan> plan,
              std::function<void(absl::StatusOr<UnmaskOutcome>, PackedSum)> done);
  // Gives the memory back, after what is under way.
  void End();

 private:
  static uint64_t Bytes(uint64_t elements, uint32_t modulus_bits) {
    return elements * crypto::LaneBytes(crypto::LaneWidthFor(modulus_bits));
  }
  void Post(std::function<void()> work);
  absl::StatusOr<Unmasked> RunTimedUnmask(const UnmaskPlan& plan);
  void Release();
  void Account();

  Strand strand_;
  const ParallelFor parallel_for_;
  metrics::Recorder& recorder_;
  // All below: on the strand.
  absl::StatusOr<Accumulator> accumulator_ = absl::FailedPreconditionError("the sum has not begun");
  std::vector<CountedUpload> included_;
  int64_t bytes_ = 0;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_RUNTIME_SESSION_SUM_H_
