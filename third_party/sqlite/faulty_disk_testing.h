// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Every write, sync and deletion that SQLite asks of the file system passes here first, so that a
// test can look at the disk in between, or make it fail. For tests only.
#ifndef VEILSUM_THIRD_PARTY_SQLITE_FAULTY_DISK_TESTING_H_
#define VEILSUM_THIRD_PARTY_SQLITE_FAULTY_DISK_TESTING_H_

#include <atomic>
#include <functional>

namespace veilsum::sqlite {

class FaultyDisk {
 public:
  // From the first call on, for all databases that this process opens.
  static void Install();

  // Called before each operation. SQLITE_OK: it is carried out; anything else is its result.
  // Null: nothing is called.
  static std::function<int()> before;
  // The same, before each sync alone, ahead of the other.
  static std::function<int()> before_sync;
  // True: syncs are left out, for tests whose process never dies.
  static std::atomic<bool> without_sync;
};

}  // namespace veilsum::sqlite

#endif  // VEILSUM_THIRD_PARTY_SQLITE_FAULTY_DISK_TESTING_H_
