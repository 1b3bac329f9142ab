// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The bytes of inputs that have not been folded yet, over all sessions, within one budget. An
// upload reserves all of its bytes before it begins, so that whoever was let in can finish; where
// there is no room it waits in line. Uploads survive their connections: the next one goes on where
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

// What happens to an upload while its writer is not asked. From any thread, no lock held.
struct UploadListener {
  // At most once: a newer writer, a discard or the need for room ended this one before it was
  // sealed.
  std::function<void(absl::Status)> cut_off;
  // It has its room now, perhaps since it was opened.
  std::function<void()> admitted;
};

// What one upload RPC writes through. The newest writer of an upload is the one that counts.
class UploadWriter {
 public:
  // The bytes stay for the next writer; a place in the line does not.
  virtual ~UploadWriter() = default;

  // Has the upload its room? Before that it takes no bytes.
  virtual bool admitted() const = 0;
  // Bytes that are there already.
  virtual uint64_t offset() const = 0;
  // All pieces of `payload`, in order, or none. INVALID_ARGUMENT (BAD_UPLOAD): not admitted, not at
  // offset(), or beyond the end. Otherwise the status with which the writer was cut off.
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

  PendingUploads(uint64_t budget_bytes, metrics::Recorder& recorder,
                 Clock clock = std::chrono::steady_clock::now);

  uint64_t budget_bytes() const { return budget_bytes_; }

  // Begins an upload or goes on with one. It is admitted when there is room for it and for those
  // that came before it. RESOURCE_EXHAUSTED (OVERLOADED) with a retry delay when memory is short,
  // or never holds as much.
  absl::StatusOr<std::unique_ptr<UploadWriter>> Open(const UploadKey& key, uint64_t total_bytes,
                                                     UploadListener listener);

  // What those are told who have waited in line for too long.
  static absl::Status NoRoom();

  // The sealed upload; null if there is none.
  std::unique_ptr<TakenUpload> Take(const UploadKey& key);

  // While it does not admit, new uploads are refused, those that wait in line go on waiting, and
  // those that have begun go on. Call it now and then: what has stalled gives way to the line then.
  void SetAdmitting(bool admitting);
  // Ends the youngest of those that are not sealed, until `bytes` are free. Their clients are told
  // when to begin again.
  void CutYoungest(uint64_t bytes);
  // Memory that no upload has at present goes back to the system.
  void Trim() { memory_->Trim(); }

  // Forgets the upload; its writer is cut off with `why`.
  void Discard(const UploadKey& key, const absl::Status& why);
  void DiscardSession(const std::string& session_id, const absl::Status& why);

 private:
  struct Upload;
  class Writer;
  using UploadMap = std::map<UploadKey, std::shared_ptr<Upload>>;

  // Made once no lock is held.
  using Calls = std::vector<std::function<void()>>;

  void AdmitNext(Calls& calls);
  bool MakeRoom(uint64_t bytes, Calls& calls);
  bool EvictStalled(uint64_t bytes, Calls& calls);
  bool Evict(UploadMap::iterator at, const absl::Status& why, Calls& calls);
  UploadMap::iterator FindYoungest();
  absl::Status WhyRefused(uint64_t bytes) const;
  UploadMap::iterator Erase(UploadMap::iterator at, const absl::Status& why, Calls& calls);
  void Release(uint64_t bytes);
  void GiveBack(uint64_t bytes);
  void LeaveLine(const UploadKey& key, uint64_t number);

  const uint64_t budget_bytes_;
  metrics::Recorder& recorder_;
  const Clock clock_;
  const std::shared_ptr<UploadMemory> memory_;
  std::atomic<bool> admitting_ = true;
  std::mutex mutex_;  // Before an upload's own.
  uint64_t reserved_bytes_ = 0;
  uint64_t begun_ = 0;  // Uploads so far.
  UploadMap uploads_;
  std::map<uint64_t, UploadKey> line_;  // Those that wait for room, by number.
  // Until then nothing can have stalled.
  std::chrono::steady_clock::time_point no_stall_before_{};
  bool trim_when_idle_ = false;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_RUNTIME_PENDING_UPLOADS_H_
