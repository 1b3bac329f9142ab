// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Where uploads lie until they are folded. Memory that the system has just handed out costs a fault
// and a page of zeros for every 4 KB (docs/performance.md); so large uploads share one range of
// addresses, in huge pages where the system has them, and take again what others gave back.
#ifndef VEILSUM_AGGREGATOR_RUNTIME_UPLOAD_MEMORY_H_
#define VEILSUM_AGGREGATOR_RUNTIME_UPLOAD_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "absl/strings/string_view.h"
#include "crypto/primitives/bytes.h"

namespace veilsum::aggregator {

// Thread-safe. Its buffers keep it alive.
class UploadMemory : public std::enable_shared_from_this<UploadMemory> {
 public:
  // Smaller ones come from the heap.
  static constexpr size_t kLeastShared = 256 << 10;

  // Room for one upload, empty at first; given back on destruction. Not thread-safe.
  class Buffer {
   public:
    Buffer() = default;
    Buffer(Buffer&& other) noexcept;
    Buffer& operator=(Buffer&& other) noexcept;
    ~Buffer();

    size_t size() const { return size_; }
    size_t capacity() const { return capacity_; }
    crypto::ByteSpan bytes() const { return {data_, size_}; }
    // At most capacity() - size() bytes.
    void Append(absl::string_view bytes);

   private:
    friend class UploadMemory;

    std::shared_ptr<UploadMemory> memory_;  // Null: small, so from the heap.
    uint8_t* data_ = nullptr;
    size_t size_ = 0;
    size_t capacity_ = 0;
  };

  // Sets aside the addresses, no memory.
  explicit UploadMemory(uint64_t bytes);
  UploadMemory(const UploadMemory&) = delete;
  UploadMemory& operator=(const UploadMemory&) = delete;
  ~UploadMemory();

  // From the heap where the range is full, or has no hole that is large enough; while that is so no
  // hole keeps its memory, so that both together have no more than `bytes` (and what small buffers
  // take) as long as buffers have not.
  Buffer Allocate(size_t capacity);

  // What nobody has at present goes back to the system.
  void Trim();

  // Holes among the buffers, in bytes from the first one: offset and length of each, in order.
  std::map<uint64_t, uint64_t> holes() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return free_;
  }

 private:
  uint8_t* Take(size_t capacity);
  void GiveBack(uint8_t* data, size_t capacity);
  // Under mutex_.
  void TrimHole(uint64_t offset, uint64_t length);
  void TrimHoles();

  void* mapped_ = nullptr;  // Null: the system has no such range for us.
  uint64_t mapped_bytes_ = 0;
  uint8_t* base_ = nullptr;
  uint64_t bytes_ = 0;  // From there on.
  mutable std::mutex mutex_;
  std::map<uint64_t, uint64_t> free_;
  bool holes_have_memory_ = false;  // Some of them may.
  uint64_t from_heap_ = 0;          // Large buffers.
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_RUNTIME_UPLOAD_MEMORY_H_
