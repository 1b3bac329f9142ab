// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/session_sum.h"

#include <utility>

#include "aggregator/accumulate/checkpoint.h"
#include "metrics/stopwatch.h"

namespace veilsum::aggregator {
namespace {

using metrics::Stopwatch;

uint64_t PairwiseMasks(const UnmaskPlan& plan) {
  uint64_t count = 0;
  for (const DropoutTask& dropout : plan.dropouts) count += dropout.surviving_neighbours.size();
  return count;
}

}  // namespace

SessionSum::SessionSum(Executors& executors, metrics::Recorder& recorder)
    : strand_(executors.NewComputeStrand()),
      parallel_for_(executors.parallel_for()),
      recorder_(recorder) {}

SessionSum::~SessionSum() { Release(); }

void SessionSum::Post(std::function<void()> work) {
  recorder_.QueueDepth(metrics::Queue::kPool, 1);
  asio::post(strand_, [self = shared_from_this(), work = std::move(work), waiting = Stopwatch()] {
    self->recorder_.QueueDepth(metrics::Queue::kPool, -1);
    self->recorder_.QueueWait(metrics::Queue::kPool, waiting.Seconds());
    work();
  });
}

void SessionSum::Release() {
  accumulator_ = absl::FailedPreconditionError("the sum has ended");
  recorder_.BufferBytes(metrics::Pool::kAccumulator, -bytes_);
  bytes_ = 0;
}

void SessionSum::Begin(const v1::VectorSpec& spec) {
  Post([this, spec] {
    accumulator_ = Accumulator::Create(ElementsOf(spec), spec.modulus_bits());
    if (accumulator_.ok()) Account();
  });
}

void SessionSum::Restore(Accumulator accumulator, std::vector<CountedUpload> included) {
  // std::function wants what can be copied.
  const auto shared = std::make_shared<Accumulator>(std::move(accumulator));
  Post([this, shared, included = std::move(included)] {
    accumulator_ = std::move(*shared);
    included_ = included;
    Account();
  });
}

void SessionSum::Account() {
  bytes_ = static_cast<int64_t>(Bytes(accumulator_->elements(), accumulator_->modulus_bits()));
  recorder_.BufferBytes(metrics::Pool::kAccumulator, bytes_);
}

void SessionSum::Fold(std::shared_ptr<TakenUpload> upload, CountedUpload name,
                      std::function<void(absl::Status)> done) {
  Post(
      [this, upload = std::move(upload), name = std::move(name), done = std::move(done)]() mutable {
        if (!accumulator_.ok()) return done(accumulator_.status());
        const Stopwatch stopwatch;
        absl::Status status = accumulator_->FoldPacked(upload->bytes(), parallel_for_);
        upload.reset();  // Its memory is free before the client hears about it.
        recorder_.StageFinished(metrics::Stage::kFold, stopwatch.Seconds());
        if (status.ok()) {
          recorder_.ElementsAggregated(accumulator_->elements());
          included_.push_back(name);
        }
        done(std::move(status));
      });
}

void SessionSum::Checkpoint(
    std::string session_id, uint64_t generation,
    std::function<void(absl::StatusOr<std::shared_ptr<const std::string>>)> done) {
  Post([this, session_id = std::move(session_id), generation, done = std::move(done)] {
    if (!accumulator_.ok()) return done(accumulator_.status());
    done(std::make_shared<const std::string>(
        EncodeCheckpoint({session_id, generation, included_}, *accumulator_)));
  });
}

absl::StatusOr<Unmasked> SessionSum::RunTimedUnmask(const UnmaskPlan& plan) {
  if (!accumulator_.ok()) return accumulator_.status();
  recorder_.ThresholdMargin(
      (static_cast<double>(plan.answers) - static_cast<double>(plan.threshold)) /
      static_cast<double>(plan.clients));
  const Stopwatch reconstructing;
  const absl::StatusOr<LeftoverMasks> masks = RecoverMasks(plan, parallel_for_);
  recorder_.StageFinished(metrics::Stage::kReconstruct, reconstructing.Seconds());
  recorder_.Reconstructions(metrics::MaskKind::kSelf, masks.ok(), plan.self_masks.size());
  recorder_.Reconstructions(metrics::MaskKind::kPairwise, masks.ok(), plan.dropouts.size());
  if (!masks.ok()) return masks.status();
  const Stopwatch unmasking;
  Unmasked unmasked = RemoveMasks(*masks, *accumulator_, parallel_for_);
  recorder_.StageFinished(metrics::Stage::kUnmask, unmasking.Seconds());
  recorder_.MasksRemoved(metrics::MaskKind::kSelf, plan.self_masks.size());
  recorder_.MasksRemoved(metrics::MaskKind::kPairwise, PairwiseMasks(plan));
  return unmasked;
}

void SessionSum::Unmask(std::shared_ptr<const UnmaskPlan> plan,
                        std::function<void(absl::StatusOr<UnmaskOutcome>, PackedSum)> done) {
  Post([this, plan = std::move(plan), done = std::move(done)] {
    absl::StatusOr<Unmasked> unmasked = RunTimedUnmask(*plan);
    Release();
    if (!unmasked.ok()) return done(unmasked.status(), nullptr);
    done(unmasked->outcome, std::make_shared<const std::string>(std::move(unmasked->packed_sum)));
  });
}

void SessionSum::End() {
  Post([this] { Release(); });
}

}  // namespace veilsum::aggregator
