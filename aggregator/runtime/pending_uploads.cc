// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/pending_uploads.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "aggregator/runtime/names.h"
#include "crypto/primitives/transcript_hash.h"
#include "proto/reason_status.h"
#include "proto/rpc_error/retry_after.h"

namespace veilsum::aggregator {
namespace {

// An upload that did not advance by this part of its bytes for this long, whether it has a
// connection or not, may be cut off when another needs its room. So nobody holds room for longer
// than the product of the two.
constexpr uint64_t kAdvances = 32;
constexpr std::chrono::seconds kStalled{10};
constexpr absl::Duration kRetryAfter = absl::Milliseconds(500);
// Where memory is short, for the uploads that have begun to end.
constexpr absl::Duration kRetryUnderPressure = absl::Seconds(5);

absl::Status BadUpload(absl::string_view text) { return StatusFor(v1::REASON_BAD_UPLOAD, text); }

absl::Status Overloaded(absl::string_view text, absl::Duration retry_after = kRetryAfter) {
  return WithRetryAfter(StatusFor(v1::REASON_OVERLOADED, text), retry_after);
}

absl::Status TakenOver() { return absl::AbortedError("a newer upload of this client took over"); }

}  // namespace

struct PendingUploads::Upload {
  Upload(uint64_t total_bytes, uint64_t number, std::chrono::steady_clock::time_point now)
      : total_bytes(total_bytes), number(number), last_advance(now) {}

  const uint64_t total_bytes;
  const uint64_t number;  // Greater for those that came later.
  std::mutex mutex;
  // All below: under the mutex.
  bool admitted = false;
  UploadMemory::Buffer bytes;  // Empty until the first of them comes.
  crypto::Sha256Hasher hasher;
  std::chrono::steady_clock::time_point last_advance;
  uint64_t bytes_then = 0;
  uint64_t writer = 0;  // The newest one's number.
  bool has_writer = false;
  bool sealed = false;
  absl::Status ended;       // Not OK once it was discarded or evicted.
  UploadListener listener;  // The newest writer's.

  // Under the mutex. A new connection alone is no advance, nor is a trickle.
  void NoteBytes(std::chrono::steady_clock::time_point now) {
    if (bytes.size() == bytes_then || bytes.size() - bytes_then < total_bytes / kAdvances) return;
    bytes_then = bytes.size();
    last_advance = now;
  }

  // Under the mutex. What to call to end the writer with `why`.
  void CutOffWriter(const absl::Status& why, std::vector<std::function<void()>>& calls) {
    const UploadListener told = std::exchange(listener, {});
    if (told.cut_off) calls.push_back([call = told.cut_off, why] { call(why); });
  }
};

class PendingUploads::Writer : public UploadWriter {
 public:
  Writer(std::shared_ptr<PendingUploads> uploads, UploadKey key, std::shared_ptr<Upload> upload,
         uint64_t number)
      : uploads_(std::move(uploads)),
        key_(std::move(key)),
        upload_(std::move(upload)),
        number_(number),
        offset_(upload_->bytes.size()) {}

  ~Writer() override {
    {
      const std::lock_guard<std::mutex> lock(upload_->mutex);
      if (upload_->writer != number_) return;
      upload_->has_writer = false;
      upload_->listener = {};
      if (upload_->admitted) return;
    }
    uploads_->LeaveLine(key_, upload_->number);
  }

  bool admitted() const override {
    const std::lock_guard<std::mutex> lock(upload_->mutex);
    return upload_->admitted;
  }
  uint64_t offset() const override { return offset_; }

  absl::Status Append(uint64_t offset, absl::Span<const absl::string_view> payload) override {
    uint64_t bytes = 0;
    for (const absl::string_view piece : payload) bytes += piece.size();
    const std::lock_guard<std::mutex> lock(upload_->mutex);
    if (absl::Status alive = Alive(); !alive.ok()) return alive;
    if (!upload_->admitted) return BadUpload("upload.data: came before the upload has its room");
    if (offset != offset_) {
      return BadUpload(absl::StrCat("upload.data.offset: the next byte is ", offset_,
                                    ", the chunk begins at ", offset));
    }
    if (bytes > upload_->total_bytes - offset_) {
      return BadUpload(absl::StrCat("upload.data.payload: the upload ends at byte ",
                                    upload_->total_bytes, ", the chunk at ", offset_ + bytes));
    }
    if (upload_->bytes.capacity() < upload_->total_bytes) {
      upload_->bytes = uploads_->memory_->Allocate(upload_->total_bytes);
    }
    for (const absl::string_view piece : payload) {
      upload_->bytes.Append(piece);
      upload_->hasher.Update(crypto::AsBytes(piece));
    }
    upload_->NoteBytes(uploads_->clock_());
    offset_ += bytes;
    return absl::OkStatus();
  }

  absl::StatusOr<crypto::Digest> Seal() override {
    const std::lock_guard<std::mutex> lock(upload_->mutex);
    if (absl::Status alive = Alive(); !alive.ok()) return alive;
    if (!upload_->admitted || offset_ != upload_->total_bytes) {
      return BadUpload(absl::StrCat("upload.close: came after ", offset_, " of ",
                                    upload_->total_bytes, " bytes"));
    }
    upload_->sealed = true;
    upload_->listener = {};  // From here on it waits for its receipt.
    return upload_->hasher.Finish();
  }

 private:
  absl::Status Alive() const {
    if (!upload_->ended.ok()) return upload_->ended;
    if (upload_->writer != number_) return TakenOver();
    return absl::OkStatus();
  }

  const std::shared_ptr<PendingUploads> uploads_;
  const UploadKey key_;
  const std::shared_ptr<Upload> upload_;
  const uint64_t number_;
  uint64_t offset_;
};

PendingUploads::PendingUploads(uint64_t budget_bytes, metrics::Recorder& recorder, Clock clock)
    : budget_bytes_(budget_bytes),
      recorder_(recorder),
      clock_(std::move(clock)),
      memory_(std::make_shared<UploadMemory>(budget_bytes)) {
  recorder_.BufferLimit(metrics::Pool::kPendingUploads, budget_bytes);
}

absl::StatusOr<std::unique_ptr<UploadWriter>> PendingUploads::Open(const UploadKey& key,
                                                                   uint64_t total_bytes,
                                                                   UploadListener listener) {
  Calls calls;
  std::unique_ptr<UploadWriter> writer;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto found = uploads_.find(key);
    if (found != uploads_.end() && found->second->total_bytes != total_bytes) {
      Erase(found, TakenOver(), calls);
      found = uploads_.end();
    }
    if (found == uploads_.end() && admitting_ && total_bytes <= budget_bytes_) {
      found =
          uploads_.emplace(key, std::make_shared<Upload>(total_bytes, ++begun_, clock_())).first;
      line_.emplace(begun_, key);
    }
    if (found != uploads_.end()) {
      const std::shared_ptr<Upload>& upload = found->second;
      const std::lock_guard<std::mutex> upload_lock(upload->mutex);
      upload->CutOffWriter(TakenOver(), calls);
      upload->listener = std::move(listener);
      upload->has_writer = true;
      writer = std::make_unique<Writer>(shared_from_this(), key, upload, ++upload->writer);
    }
    AdmitNext(calls);
  }
  for (const auto& call : calls) call();
  if (writer != nullptr) return writer;
  recorder_.OverloadRejection(metrics::Overload::kMemory);
  return WhyRefused(total_bytes);
}

absl::Status PendingUploads::NoRoom() {
  return Overloaded("all memory for uploads is taken (limits.pending_upload_bytes); try again");
}

void PendingUploads::SetAdmitting(bool admitting) {
  admitting_ = admitting;
  if (!admitting) return memory_->Trim();
  Calls calls;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    AdmitNext(calls);
  }
  for (const auto& call : calls) call();
}

absl::Status PendingUploads::WhyRefused(uint64_t bytes) const {
  if (bytes <= budget_bytes_) {
    return Overloaded("the aggregator is short of memory; try again shortly", kRetryUnderPressure);
  }
  return Overloaded(absl::StrCat("an upload of ", bytes, " bytes is more than the ", budget_bytes_,
                                 " that are set aside for all uploads that are under way"));
}

// Under mutex_. In the order in which they came: a large one is not passed by as long as it waits.
void PendingUploads::AdmitNext(Calls& calls) {
  while (admitting_ && !line_.empty()) {
    Upload& upload = *uploads_.at(line_.begin()->second);
    if (!MakeRoom(upload.total_bytes, calls)) return;
    line_.erase(line_.begin());
    const std::lock_guard<std::mutex> lock(upload.mutex);
    upload.admitted = true;
    upload.last_advance = clock_();
    no_stall_before_ = std::min(no_stall_before_, upload.last_advance + kStalled);
    if (upload.listener.admitted) calls.push_back(upload.listener.admitted);
  }
}

// Under mutex_. Reserves `bytes`, at the cost of uploads that nobody is sending.
bool PendingUploads::MakeRoom(uint64_t bytes, Calls& calls) {
  const uint64_t free = budget_bytes_ - reserved_bytes_;
  if (bytes > free && !EvictStalled(bytes - free, calls)) return false;
  reserved_bytes_ += bytes;
  recorder_.BufferBytes(metrics::Pool::kPendingUploads, static_cast<int64_t>(bytes));
  return true;
}

// Under mutex_. Ends those that have not advanced for longest, until there are `bytes` more; none
// of them where all have less than that.
bool PendingUploads::EvictStalled(uint64_t bytes, Calls& calls) {
  const auto now = clock_();
  if (now < no_stall_before_) return false;
  std::multimap<std::chrono::steady_clock::time_point, UploadMap::iterator> stalled;
  uint64_t stalled_bytes = 0;
  auto next_stall = std::chrono::steady_clock::time_point::max();
  for (auto at = uploads_.begin(); at != uploads_.end(); ++at) {
    const std::lock_guard<std::mutex> lock(at->second->mutex);
    const Upload& upload = *at->second;
    if (!upload.admitted || upload.sealed) continue;
    if (upload.last_advance + kStalled > now) {
      next_stall = std::min(next_stall, upload.last_advance + kStalled);
    } else {
      stalled.emplace(upload.last_advance, at);
      stalled_bytes += upload.total_bytes;
    }
  }
  if (stalled.empty()) no_stall_before_ = next_stall;
  if (stalled_bytes < bytes) return false;
  uint64_t freed = 0;
  for (auto victim = stalled.begin(); victim != stalled.end() && freed < bytes; ++victim) {
    const uint64_t total_bytes = victim->second->second->total_bytes;
    const absl::Status why = Overloaded("the room was needed for other uploads");
    if (Evict(victim->second, why, calls)) freed += total_bytes;
  }
  return freed >= bytes;
}

// Under mutex_. Not one that was sealed a moment ago, for which writers take its own lock alone.
bool PendingUploads::Evict(UploadMap::iterator at, const absl::Status& why, Calls& calls) {
  {
    const std::lock_guard<std::mutex> lock(at->second->mutex);
    if (at->second->sealed) return false;
    at->second->ended = why;
  }
  Erase(at, why, calls);
  return true;
}

// Under mutex_. Of those that are not sealed.
PendingUploads::UploadMap::iterator PendingUploads::FindYoungest() {
  auto youngest = uploads_.end();
  for (auto at = uploads_.begin(); at != uploads_.end(); ++at) {
    const std::lock_guard<std::mutex> lock(at->second->mutex);
    if (!at->second->admitted || at->second->sealed) continue;
    if (youngest == uploads_.end() || at->second->number > youngest->second->number) youngest = at;
  }
  return youngest;
}

void PendingUploads::CutYoungest(uint64_t bytes) {
  Calls calls;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (uint64_t freed = 0; freed < bytes;) {
      const UploadMap::iterator youngest = FindYoungest();
      if (youngest == uploads_.end()) break;
      uint64_t filled = 0;
      {
        const std::lock_guard<std::mutex> upload_lock(youngest->second->mutex);
        filled = youngest->second->bytes.size();  // What it has not filled is not there.
      }
      const absl::Status why = Overloaded(
          "the aggregator is short of memory, and the youngest uploads give way; begin again "
          "shortly",
          kRetryUnderPressure);
      if (!Evict(youngest, why, calls)) continue;
      freed += filled;
      recorder_.OverloadRejection(metrics::Overload::kMemory);
    }
  }
  for (const auto& call : calls) call();
  memory_->Trim();
}

// Under mutex_.
PendingUploads::UploadMap::iterator PendingUploads::Erase(UploadMap::iterator at,
                                                          const absl::Status& why, Calls& calls) {
  Upload& upload = *at->second;
  {
    const std::lock_guard<std::mutex> lock(upload.mutex);
    upload.ended = why;
    upload.bytes = UploadMemory::Buffer();
    upload.CutOffWriter(why, calls);
    if (upload.admitted) Release(upload.total_bytes);
    line_.erase(upload.number);
  }
  return uploads_.erase(at);
}

// Under mutex_.
void PendingUploads::Release(uint64_t bytes) {
  reserved_bytes_ -= bytes;
  recorder_.BufferBytes(metrics::Pool::kPendingUploads, -static_cast<int64_t>(bytes));
}

void PendingUploads::GiveBack(uint64_t bytes) {
  Calls calls;
  bool idle = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    Release(bytes);
    AdmitNext(calls);
    idle = reserved_bytes_ == 0 && std::exchange(trim_when_idle_, false);
  }
  for (const auto& call : calls) call();
  if (idle) memory_->Trim();
}

// Unless it was admitted, or has a newer writer, meanwhile.
void PendingUploads::LeaveLine(const UploadKey& key, uint64_t number) {
  Calls calls;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = uploads_.find(key);
    if (found == uploads_.end() || found->second->number != number) return;
    if (line_.count(number) == 0) return;
    {
      const std::lock_guard<std::mutex> upload_lock(found->second->mutex);
      if (found->second->has_writer) return;
    }
    const bool first = line_.begin()->first == number;
    Erase(found, absl::CancelledError("the client has gone"), calls);
    if (first) AdmitNext(calls);
  }
  for (const auto& call : calls) call();
}

std::unique_ptr<TakenUpload> PendingUploads::Take(const UploadKey& key) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = uploads_.find(key);
  if (found == uploads_.end()) return nullptr;
  Upload& upload = *found->second;
  UploadMemory::Buffer bytes;
  {
    const std::lock_guard<std::mutex> upload_lock(upload.mutex);
    if (!upload.sealed) return nullptr;
    bytes = std::move(upload.bytes);
    upload.ended = absl::AbortedError("the upload is complete");
  }
  const uint64_t total_bytes = upload.total_bytes;
  uploads_.erase(found);
  return std::make_unique<TakenUpload>(
      std::move(bytes), [self = shared_from_this(), total_bytes] { self->GiveBack(total_bytes); });
}

void PendingUploads::Discard(const UploadKey& key, const absl::Status& why) {
  Calls calls;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (const auto found = uploads_.find(key); found != uploads_.end()) {
      Erase(found, why, calls);
      AdmitNext(calls);
    }
  }
  for (const auto& call : calls) call();
}

void PendingUploads::DiscardSession(const std::string& session_id, const absl::Status& why) {
  Calls calls;
  bool idle = false;  // Then nobody needs the memory for a while.
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (auto at = uploads_.begin(); at != uploads_.end();) {
      at = at->first.session_id == session_id ? Erase(at, why, calls) : std::next(at);
    }
    AdmitNext(calls);
    idle = reserved_bytes_ == 0;
    trim_when_idle_ = !idle;
  }
  for (const auto& call : calls) call();
  if (idle) memory_->Trim();
}

}  // namespace veilsum::aggregator
