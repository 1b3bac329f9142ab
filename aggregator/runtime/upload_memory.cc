// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/upload_memory.h"

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <iterator>
#include <utility>

namespace veilsum::aggregator {
namespace {

constexpr uint64_t kHugePage = 2 << 20;
// Of buffers, so that no two share a cache line.
constexpr uint64_t kAlignment = 64;

constexpr uint64_t RoundUp(uint64_t bytes, uint64_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

// The first address of a huge page from there on.
uint8_t* AlignUp(void* address) {
  return reinterpret_cast<uint8_t*>(RoundUp(reinterpret_cast<uint64_t>(address), kHugePage));
}

}  // namespace

// ---- Buffers ----

UploadMemory::Buffer::Buffer(Buffer&& other) noexcept
    : memory_(std::move(other.memory_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

UploadMemory::Buffer& UploadMemory::Buffer::operator=(Buffer&& other) noexcept {
  Buffer taken(std::move(other));
  std::swap(memory_, taken.memory_);
  std::swap(data_, taken.data_);
  std::swap(size_, taken.size_);
  std::swap(capacity_, taken.capacity_);
  return *this;
}

UploadMemory::Buffer::~Buffer() {
  if (memory_ == nullptr) {
    delete[] data_;
  } else {
    memory_->GiveBack(data_, capacity_);
  }
}

void UploadMemory::Buffer::Append(absl::string_view bytes) {
  if (!bytes.empty()) std::memcpy(data_ + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
}

// ---- The range ----

UploadMemory::UploadMemory(uint64_t bytes) {
  bytes = RoundUp(bytes, kHugePage);
  mapped_bytes_ = bytes + kHugePage;
  void* const mapped = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return;  // Then everything comes from the heap.
  mapped_ = mapped;
  base_ = AlignUp(mapped);
  bytes_ = bytes;
  madvise(base_, bytes_, MADV_HUGEPAGE);
  ASAN_POISON_MEMORY_REGION(base_, bytes_);
  free_.emplace(0, bytes_);
}

UploadMemory::~UploadMemory() {
  if (mapped_ == nullptr) return;
  ASAN_UNPOISON_MEMORY_REGION(base_, bytes_);
  munmap(mapped_, mapped_bytes_);
}

UploadMemory::Buffer UploadMemory::Allocate(size_t capacity) {
  Buffer buffer;
  buffer.capacity_ = capacity;
  if (capacity < kLeastShared) {
    buffer.data_ = new uint8_t[capacity];
  } else {
    buffer.data_ = Take(capacity);
    buffer.memory_ = shared_from_this();
  }
  return buffer;
}

// The lowest addresses that are free: they are the likeliest to have memory already.
uint8_t* UploadMemory::Take(size_t capacity) {
  const uint64_t bytes = RoundUp(capacity, kAlignment);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (auto hole = free_.begin(); hole != free_.end(); ++hole) {
      const auto [offset, length] = *hole;
      if (length < bytes) continue;
      free_.erase(hole);
      if (length > bytes) free_.emplace(offset + bytes, length - bytes);
      ASAN_UNPOISON_MEMORY_REGION(base_ + offset, capacity);
      return base_ + offset;
    }
    from_heap_ += capacity;
    TrimHoles();
  }
  return new uint8_t[capacity];
}

void UploadMemory::GiveBack(uint8_t* data, size_t capacity) {
  const bool in_range = base_ != nullptr && data >= base_ && data < base_ + bytes_;
  if (!in_range) delete[] data;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!in_range) {
    from_heap_ -= capacity;
    return;
  }
  ASAN_POISON_MEMORY_REGION(data, capacity);
  auto hole = free_.emplace(data - base_, RoundUp(capacity, kAlignment)).first;
  const auto next = std::next(hole);
  if (next != free_.end() && hole->first + hole->second == next->first) {
    hole->second += next->second;
    free_.erase(next);
  }
  if (hole != free_.begin()) {
    const auto previous = std::prev(hole);
    if (previous->first + previous->second == hole->first) {
      previous->second += hole->second;
      free_.erase(hole);
      hole = previous;
    }
  }
  if (from_heap_ > 0) return TrimHole(hole->first, hole->second);
  holes_have_memory_ = true;
}

void UploadMemory::Trim() {
  const std::lock_guard<std::mutex> lock(mutex_);
  TrimHoles();
}

void UploadMemory::TrimHoles() {
  if (!std::exchange(holes_have_memory_, false)) return;
  for (const auto& [offset, length] : free_) TrimHole(offset, length);
}

void UploadMemory::TrimHole(uint64_t offset, uint64_t length) {
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t begin = RoundUp(offset, page);
  const uint64_t end = (offset + length) / page * page;
  if (begin < end) madvise(base_ + begin, end - begin, MADV_DONTNEED);
}

}  // namespace veilsum::aggregator
