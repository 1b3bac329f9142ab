// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The upload of one masked input: encoded and masked chunk by chunk on the pool while the chunk
// before is being sent, and resumed with the same bytes until the aggregator gives a receipt or
// refuses.
#ifndef VEILSUM_CLIENT_SDK_TRANSPORT_UPLOADER_H_
#define VEILSUM_CLIENT_SDK_TRANSPORT_UPLOADER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client_sdk/encoding/input_source.h"
#include "client_sdk/protocol/masked_input.h"
#include "client_sdk/transport/bidi_call.h"
#include "client_sdk/transport/call_context.h"
#include "client_sdk/transport/execution.h"
#include "client_sdk/transport/hooks.h"
#include "client_sdk/transport/retry.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/transcript_hash.h"
#include "proto/participant.grpc.pb.h"

namespace veilsum::client {

// All methods and callbacks on the strand. The owner outlives on_done.
class Uploader : public std::enable_shared_from_this<Uploader> {
 public:
  struct Options {
    std::shared_ptr<const MaskingPlan> plan;
    std::shared_ptr<const InputSource> input;
    v1::UploadOpen open;
    // Signs the digest of all bytes.
    std::function<absl::StatusOr<v1::UploadClose>(const crypto::Digest&)> close;
    // Every byte of the masked input once, in order; may be null.
    std::function<void(uint64_t offset, absl::string_view bytes)> observe;
    // Bytes that gRPC took in the present attempt, with those the aggregator had before.
    std::function<void(uint64_t bytes)> on_progress;
    std::function<void(const absl::Status&)> on_trouble;
    // Once: the receipt, the aggregator's refusal, or CANCELLED after Stop. Nothing is left then.
    std::function<void(absl::StatusOr<v1::UploadReceipt>)> on_done;
    Hooks hooks;
    // What a hook's fault asks for; Cut or Stop may be called back from it.
    std::function<void(Fault)> on_fault;
  };

  Uploader(CallContext context, Options options);

  void Start();
  // Breaks the present attempt; the next one goes on where it stopped.
  void Cut();
  void Stop();

 private:
  using Call = BidiCall<v1::UploadRequest, v1::UploadReply>;

  void Attempt();
  void Received(const v1::UploadReply& reply);
  void JudgeReceipt();
  void Proceed(uint64_t offset);
  void MakeNextChunk();
  // On the pool: sees what does not change.
  absl::StatusOr<std::string> MakeChunk(uint64_t index) const;
  void ChunkMade(uint64_t attempt, uint64_t index, absl::StatusOr<std::string> bytes);
  // INVALID_ARGUMENT if these bytes were others before.
  absl::Status Account(uint64_t index, absl::string_view bytes);
  void SendChunk(uint64_t begin, std::string bytes);
  void SendClose();
  void Write(v1::UploadRequest request, std::function<void()> written);
  void Fail(absl::Status status);
  void Ended(absl::Status status);
  void FinishIfIdle();

  uint64_t chunk_count() const;

  const CallContext context_;
  Options options_;
  Backoff backoff_;
  asio::steady_timer timer_;
  const uint64_t chunk_elements_;
  const uint64_t chunk_bytes_;

  // All of the masked input so far, over all attempts, and before each of its chunks: what is made
  // again must be what it was.
  crypto::Sha256Hasher hasher_;
  std::vector<crypto::Sha256Hasher> before_chunk_;
  uint64_t hashed_bytes_ = 0;

  // This attempt.
  std::shared_ptr<Call> call_;
  uint64_t attempt_ = 0;
  bool proceeding_ = false;
  uint64_t offset_ = 0;      // Where the aggregator wants us to go on.
  uint64_t next_chunk_ = 0;  // To be made.
  int unwritten_chunks_ = 0;
  // Came, and is believed once all of the masked input is hashed.
  std::optional<v1::UploadReceipt> receipt_;
  absl::Status ended_;  // How the call ended meanwhile, if it did.

  bool making_chunk_ = false;  // On the pool, perhaps for an attempt that has ended.
  bool stopped_ = false;
  uint64_t best_offset_ = 0;
  std::optional<absl::StatusOr<v1::UploadReceipt>> outcome_;
};

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_TRANSPORT_UPLOADER_H_
