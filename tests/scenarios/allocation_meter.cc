// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/scenarios/allocation_meter.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace veilsum::scenarios {
namespace {

thread_local bool counting = false;
std::atomic<int64_t> metered_bytes{0};

// Before every block; keeps the alignment that operator new promises.
struct alignas(__STDCPP_DEFAULT_NEW_ALIGNMENT__) Prefix {
  size_t counted_bytes;
};

void* Allocate(size_t size) {
  auto* prefix = static_cast<Prefix*>(std::malloc(sizeof(Prefix) + size));
  if (prefix == nullptr) std::abort();
  prefix->counted_bytes = counting ? size : 0;
  metered_bytes += static_cast<int64_t>(prefix->counted_bytes);
  return prefix + 1;
}

void Free(void* block) {
  if (block == nullptr) return;
  Prefix* prefix = static_cast<Prefix*>(block) - 1;
  metered_bytes -= static_cast<int64_t>(prefix->counted_bytes);
  std::free(prefix);
}

}  // namespace

void MeterAllocations(bool counted) { counting = counted; }
int64_t MeteredBytes() { return metered_bytes; }

}  // namespace veilsum::scenarios

void* operator new(size_t size) { return veilsum::scenarios::Allocate(size); }
void* operator new[](size_t size) { return veilsum::scenarios::Allocate(size); }
void operator delete(void* block) noexcept { veilsum::scenarios::Free(block); }
void operator delete[](void* block) noexcept { veilsum::scenarios::Free(block); }
void operator delete(void* block, size_t) noexcept { veilsum::scenarios::Free(block); }
void operator delete[](void* block, size_t) noexcept { veilsum::scenarios::Free(block); }
