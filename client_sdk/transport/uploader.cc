// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/transport/uploader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "crypto/masking/packing.h"
#include "proto/limits.h"
#include "proto/reason_status.h"

namespace veilsum::client {
namespace {

// One is being written while the next one waits.
constexpr int kChunksAhead = 2;

}  // namespace

Uploader::Uploader(CallContext context, Options options)
    : context_(std::move(context)),
      options_(std::move(options)),
      backoff_(context_.backoff_seed),
      timer_(context_.strand),
      chunk_elements_(ElementsPerChunk(options_.plan->modulus_bits(), limits::kChunkBytes)),
      chunk_bytes_(crypto::PackedSize(chunk_elements_, options_.plan->modulus_bits())) {}

uint64_t Uploader::chunk_count() const {
  return (options_.input->size() + chunk_elements_ - 1) / chunk_elements_;
}

void Uploader::Start() { Attempt(); }

void Uploader::Cut() {
  if (call_ != nullptr) call_->Cancel();
}

void Uploader::Stop() {
  if (stopped_) return;
  stopped_ = true;
  timer_.cancel();
  Cut();
  asio::post(context_.strand, [self = shared_from_this()] { self->FinishIfIdle(); });
}

void Uploader::Attempt() {
  ++attempt_;
  proceeding_ = false;
  receipt_.reset();
  unwritten_chunks_ = 0;
  const auto self = shared_from_this();
  call_ = Call::Start(context_.strand,
                      {[self](const v1::UploadReply& reply) { self->Received(reply); },
                       [self](absl::Status status) { self->Ended(std::move(status)); }},
                      [this](grpc::ClientContext* context, Call::Reactor* reactor) {
                        context_.stub->async()->UploadMaskedInput(context, reactor);
                      });
  v1::UploadRequest request;
  *request.mutable_open() = options_.open;
  Write(std::move(request), nullptr);
}

void Uploader::Received(const v1::UploadReply& reply) {
  if (stopped_ || outcome_.has_value() || receipt_.has_value()) return;
  if (reply.has_proceed() && !proceeding_) return Proceed(reply.proceed().offset());
  if (!reply.has_receipt()) return Cut();
  // Also right after UploadOpen: the receipt of an earlier attempt was lost, perhaps that of an
  // earlier process. What was not hashed here then is made for the digest alone.
  proceeding_ = false;
  receipt_ = reply.receipt();
  next_chunk_ = hashed_bytes_ / chunk_bytes_;
  MakeNextChunk();
}

// By its digest it is this upload's, or not.
void Uploader::JudgeReceipt() {
  v1::UploadReceipt receipt = *std::exchange(receipt_, std::nullopt);
  if (receipt.digest() == crypto::ToString(hasher_.Finish())) {
    outcome_ = std::move(receipt);
    if (call_ != nullptr) call_->HalfClose();
    return FinishIfIdle();
  }
  // Not what the protocol says; perhaps the next attempt goes better.
  if (call_ != nullptr) return Cut();
  Ended(std::exchange(ended_, absl::OkStatus()));
}

void Uploader::Proceed(uint64_t offset) {
  if (offset > options_.open.total_bytes()) return Cut();
  proceeding_ = true;
  offset_ = offset;
  if (offset > best_offset_) backoff_.Reset();
  best_offset_ = std::max(best_offset_, offset);
  // Bytes that the aggregator has but that were never hashed here are made for the digest alone.
  next_chunk_ = std::min(offset, hashed_bytes_) / chunk_bytes_;
  options_.on_progress(offset);
  MakeNextChunk();
}

void Uploader::MakeNextChunk() {
  if (making_chunk_ || stopped_) return;
  if (receipt_.has_value()) {
    if (hashed_bytes_ == options_.open.total_bytes()) return JudgeReceipt();
  } else {
    if (!proceeding_ || unwritten_chunks_ >= kChunksAhead) return;
    if (next_chunk_ == chunk_count()) return SendClose();
  }
  making_chunk_ = true;
  const uint64_t index = next_chunk_++;
  asio::post(context_.strand.get_inner_executor(), [self = shared_from_this(), attempt = attempt_,
                                                    index] {
    absl::StatusOr<std::string> bytes = self->MakeChunk(index);
    asio::post(self->context_.strand, [self, attempt, index, bytes = std::move(bytes)]() mutable {
      self->ChunkMade(attempt, index, std::move(bytes));
    });
  });
}

absl::StatusOr<std::string> Uploader::MakeChunk(uint64_t index) const {
  const uint64_t first = index * chunk_elements_;
  const uint64_t count = std::min(chunk_elements_, uint64_t{options_.input->size()} - first);
  std::string packed;
  absl::Status made = options_.plan->MaskAndPack(*options_.input, first, count, packed);
  if (!made.ok()) return made;
  return packed;
}

void Uploader::ChunkMade(uint64_t attempt, uint64_t index, absl::StatusOr<std::string> bytes) {
  making_chunk_ = false;
  if (stopped_ || outcome_.has_value()) return FinishIfIdle();
  if (!bytes.ok()) return Fail(bytes.status());
  const uint64_t begin = index * chunk_bytes_;
  if (absl::Status same = Account(index, *bytes); !same.ok()) return Fail(std::move(same));
  if (attempt == attempt_ && proceeding_) {
    SendChunk(begin, *std::move(bytes));
    if (index == (chunk_count() - 1) / 2 && options_.hooks.at != nullptr) {
      options_.on_fault(
          options_.hooks.at({Point::Moment::kMidUpload, v1::ROUND_MASKED_INPUT_COLLECTION}));
    }
  }
  MakeNextChunk();
}

// Two inputs under the same masks would give away their difference, and the aggregator can have any
// part sent again.
absl::Status Uploader::Account(uint64_t index, absl::string_view bytes) {
  if (index == before_chunk_.size()) {
    before_chunk_.push_back(hasher_);
    hasher_.Update(crypto::AsBytes(bytes));
    if (options_.observe != nullptr) options_.observe(hashed_bytes_, bytes);
    hashed_bytes_ += bytes.size();
    return absl::OkStatus();
  }
  crypto::Sha256Hasher again = before_chunk_[index];
  again.Update(crypto::AsBytes(bytes));
  const crypto::Sha256Hasher& after =
      index + 1 == before_chunk_.size() ? hasher_ : before_chunk_[index + 1];
  if (again.Finish() == after.Finish()) return absl::OkStatus();
  return MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_INVALID_ARGUMENT,
                   "the update was changed while it was being sent: it must stay as it is until "
                   "the outcome is there");
}

void Uploader::SendChunk(uint64_t begin, std::string bytes) {
  const uint64_t end = begin + bytes.size();
  if (end <= offset_) return;
  if (begin < offset_) {
    bytes.erase(0, offset_ - begin);
    begin = offset_;
  }
  v1::UploadRequest request;
  request.mutable_data()->set_offset(begin);
  request.mutable_data()->set_payload(std::move(bytes));
  ++unwritten_chunks_;
  Write(std::move(request), [self = shared_from_this(), end] {
    --self->unwritten_chunks_;
    if (self->stopped_ || self->outcome_.has_value()) return;
    self->options_.on_progress(end);
    self->MakeNextChunk();
  });
}

void Uploader::SendClose() {
  proceeding_ = false;  // Nothing more to make in this attempt.
  absl::StatusOr<v1::UploadClose> close = options_.close(hasher_.Finish());
  if (!close.ok()) return Fail(close.status());
  v1::UploadRequest request;
  *request.mutable_close() = *std::move(close);
  Write(std::move(request), nullptr);
  call_->HalfClose();
}

void Uploader::Fail(absl::Status status) {
  outcome_ = std::move(status);
  Cut();
  FinishIfIdle();
}

void Uploader::Write(v1::UploadRequest request, std::function<void()> written) {
  if (options_.hooks.outgoing_upload != nullptr) {
    std::optional<v1::UploadRequest> changed = options_.hooks.outgoing_upload(std::move(request));
    if (!changed.has_value()) {
      if (written != nullptr) asio::post(context_.strand, written);
      return;
    }
    request = *std::move(changed);
  }
  call_->Write(std::move(request), std::move(written));
}

void Uploader::Ended(absl::Status status) {
  call_ = nullptr;
  proceeding_ = false;
  if (stopped_ || outcome_.has_value()) return FinishIfIdle();
  if (receipt_.has_value()) {  // JudgeReceipt comes back to it if it has to.
    ended_ = std::move(status);
    return;
  }
  if (!IsTransient(status)) return Fail(std::move(status));
  timer_.expires_after(absl::ToChronoNanoseconds(backoff_.Next(status, kGreatestBackoffInSession)));
  timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (!error && !self->stopped_) self->Attempt();
  });
  options_.on_trouble(status);
}

void Uploader::FinishIfIdle() {
  if (call_ != nullptr || making_chunk_ || options_.on_done == nullptr) return;
  if (!outcome_.has_value()) outcome_ = absl::CancelledError("the upload was stopped");
  const auto on_done = std::exchange(options_.on_done, nullptr);
  on_done(*std::move(outcome_));
}

}  // namespace veilsum::client
