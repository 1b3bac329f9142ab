// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Secrets, marked for valgrind's memcheck: to it they are memory that nobody has written. It
// follows such bytes through every computation and complains where a branch or an address depends
// on them, which is where time would. Outside of valgrind all of this does nothing.
//
// After Adam Langley's ctgrind, as BoringSSL tests itself.
#ifndef VEILSUM_TESTS_CONSTANT_TIME_MARKS_H_
#define VEILSUM_TESTS_CONSTANT_TIME_MARKS_H_

#include <type_traits>

#include "absl/types/span.h"
#include "crypto/primitives/bytes.h"
#include "valgrind/memcheck.h"

namespace veilsum::constant_time {

// From here on nothing may take its time by these bytes.
inline void MarkSecret(absl::Span<uint8_t> bytes) {
  (void)VALGRIND_MAKE_MEM_UNDEFINED(bytes.data(), bytes.size());
}

// What leaves the process anyway, or has been shown not to tell anything: `why` is for the reader.
inline void MarkBytesPublic(crypto::ByteSpan bytes, const char* why) {
  (void)why;
  (void)VALGRIND_MAKE_MEM_DEFINED(bytes.data(), bytes.size());
}
template <class T>
void MarkPublic(const T& value, const char* why) {
  static_assert(std::is_trivially_copyable_v<T>);
  MarkBytesPublic(crypto::ByteSpan(reinterpret_cast<const uint8_t*>(&value), sizeof(value)), why);
}

}  // namespace veilsum::constant_time

#endif  // VEILSUM_TESTS_CONSTANT_TIME_MARKS_H_
