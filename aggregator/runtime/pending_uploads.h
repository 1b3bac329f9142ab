// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The bytes of inputs that have not been folded yet, over all sessions, within one budget. An
// upload reserves all of its bytes when it opens, so that whoever was let in can finish; a client
// that finds no room tries again. Uploads survive their connections: the next one goes on where
// the bytes end, unless the room was needed meanwhile.
#ifndef VEILSUM_AGGREGATOR_RUNTIME_PENDING_UPLOADS_H_
#define VEILSUM_AGGREGATOR_RUNTIME_PENDING_UPLOADS_H_

#include <atomic>
#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "aggregator/runtime/upload_memory.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/identity.h"
#include "metrics/recorder.h"

namespace veilsum::aggregator {

struct UploadKey {
  std::string session_id;
  crypto::IdentityPublicKey identity;
  friend auto operator<=>(const UploadKey&, const UploadKey&) = default;
};

// What one upload RPC writes through. The newest writer of an upload is the one that counts.
class UploadWriter {
 public:
  virtual ~UploadWriter() = default;  // The bytes stay for the next writer.

  // Bytes that are there already.
  virtual uint64_t offset() const = 0;
  // All pieces of `payload`, in order, or none. INVALID_ARGUMENT (BAD_UPLOAD): not at offset(), or
  // beyond the end. Otherwise the status with which the writer was cut off.
  virtual absl::Status Append(uint64_t offset, absl::Span<const absl::string_view> payload) = 0;
  absl::Status Append(uint64_t offset, absl::string_view payload) {
    return Append(offset, absl::MakeConstSpan(&payload, 1));
  }
  // SHA-256 of all bytes; from here on they wait to be taken or discarded, whatever the pressure.
  // INVALID_ARGUMENT (BAD_UPLOAD) when bytes are missing.
  virtual absl::StatusOr<crypto::Digest> Seal() = 0;
};

// A whole upload, and its room in the budget, given back on destruction.
class TakenUpload {
 public:
  TakenUpload(UploadMemory::Buffer buffer, std::function<void()> give_back)
      : buffer_(std::move(buffer)), give_back_(std::move(give_back)) {}
  TakenUpload(const TakenUpload&) = delete;
  TakenUpload& operator=(const TakenUpload&) = delete;
  ~TakenUpload() {
    buffer_ = UploadMemory::Buffer();
    give_back_();
  }
  crypto::ByteSpan bytes() const { return buffer_.bytes(); }

 private:
  UploadMemory::Buffer buffer_;
  std::function<void()> give_back_;
};

// Thread-safe. Taken uploads keep it alive.
class PendingUploads : public std::enable_shared_from_this<PendingUploads> {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;
  using CutOff = std::function<void(absl::Status)>;

  PendingUploads(uint64_t budget_bytes, metrics::Recorder& recorder,
                 Clock clock = std::chrono::steady_clock::now);

  uint64_t budget_bytes() const { return budget_bytes_; }

  // Begins an upload or goes on with one. `cut_off` is called at most once, from any thread, when
  // a newer writer, a discard or the need for room ends this one before it is sealed.
  // RESOURCE_EXHAUSTED (OVERLOADED) with a retry delay when there is no room.
  absl::StatusOr<std::unique_ptr<UploadWriter>> Open(const UploadKey& key, uint64_t total_bytes,
                                                     CutOff cut_off);

  // The sealed upload; null if there is none.
  std::unique_ptr<TakenUpload> Take(const UploadKey& key);

  // While it does not admit, uploads that have not begun are refused as when there is no room, and
  // those that have go on.
  void SetAdmitting(bool admitting);
  // Ends the youngest of those that are not sealed, until `bytes` are free. Their clients are told
  // when to begin again.
  void CutYoungest(uint64_t bytes);

  // Forgets the upload; its writer is cut off with `why`.
  void Discard(const UploadKey& key, const absl::Status& why);
  void DiscardSession(const std::string& session_id, const absl::Status& why);

 private:
  struct Upload;
  class Writer;
  using UploadMap = std::map<UploadKey, std::shared_ptr<Upload>>;

  // Made once no lock is held.
  using Calls = std::vector<std::function<void()>>;

  bool MakeRoom(uint64_t bytes, Calls& calls);
  UploadMap::iterator FindVictim();
  UploadMap::iterator FindYoungest();
  absl::Status NoRoomFor(uint64_t bytes) const;
  UploadMap::iterator Erase(UploadMap::iterator at, const absl::Status& why, Calls& calls);
  void GiveBack(uint64_t bytes);

  const uint64_t budget_bytes_;
  metrics::Recorder& recorder_;
  const Clock clock_;
  const std::shared_ptr<UploadMemory> memory_;
  std::atomic<bool> admitting_ = true;
  std::mutex mutex_;  // Before an upload's own.
  uint64_t reserved_bytes_ = 0;
  uint64_t begun_ = 0;  // Uploads so far.
  UploadMap uploads_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_RUNTIME_PENDING_UPLOADS_H_
