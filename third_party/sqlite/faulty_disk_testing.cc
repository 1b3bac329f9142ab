// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "third_party/sqlite/faulty_disk_testing.h"

#include <sqlite3.h>

namespace veilsum::sqlite {
namespace {

// A file of ours: SQLite's own follows it in memory.
struct File {
  sqlite3_file base;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

sqlite3_vfs* Real() { return sqlite3_vfs_find("unix"); }

sqlite3_file* RealOf(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real(); }

int Before() { return FaultyDisk::before == nullptr ? SQLITE_OK : FaultyDisk::before(); }

const sqlite3_io_methods* Methods() {
  static const sqlite3_io_methods methods = [] {
    sqlite3_io_methods m{};
    m.iVersion = 1;
    m.xClose = [](sqlite3_file* f) { return RealOf(f)->pMethods->xClose(RealOf(f)); };
    m.xRead = [](sqlite3_file* f, void* out, int size, sqlite3_int64 offset) {
      return RealOf(f)->pMethods->xRead(RealOf(f), out, size, offset);
    };
    m.xWrite = [](sqlite3_file* f, const void* bytes, int size, sqlite3_int64 offset) {
      const int fault = Before();
      if (fault != SQLITE_OK) return fault;
      return RealOf(f)->pMethods->xWrite(RealOf(f), bytes, size, offset);
    };
    m.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) {
      const int fault = Before();
      return fault != SQLITE_OK ? fault : RealOf(f)->pMethods->xTruncate(RealOf(f), size);
    };
    m.xSync = [](sqlite3_file* f, int flags) {
      const int own = FaultyDisk::before_sync == nullptr ? SQLITE_OK : FaultyDisk::before_sync();
      const int fault = own != SQLITE_OK ? own : Before();
      if (fault != SQLITE_OK || FaultyDisk::without_sync) return fault;
      return RealOf(f)->pMethods->xSync(RealOf(f), flags);
    };
    m.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) {
      return RealOf(f)->pMethods->xFileSize(RealOf(f), size);
    };
    m.xLock = [](sqlite3_file* f, int kind) { return RealOf(f)->pMethods->xLock(RealOf(f), kind); };
    m.xUnlock = [](sqlite3_file* f, int kind) {
      return RealOf(f)->pMethods->xUnlock(RealOf(f), kind);
    };
    m.xCheckReservedLock = [](sqlite3_file* f, int* out) {
      return RealOf(f)->pMethods->xCheckReservedLock(RealOf(f), out);
    };
    m.xFileControl = [](sqlite3_file* f, int op, void* argument) {
      return RealOf(f)->pMethods->xFileControl(RealOf(f), op, argument);
    };
    m.xSectorSize = [](sqlite3_file* f) { return RealOf(f)->pMethods->xSectorSize(RealOf(f)); };
    m.xDeviceCharacteristics = [](sqlite3_file* f) {
      return RealOf(f)->pMethods->xDeviceCharacteristics(RealOf(f));
    };
    return m;
  }();
  return &methods;
}

int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  file->pMethods = nullptr;
  const int code = Real()->xOpen(Real(), name, RealOf(file), flags, out_flags);
  if (RealOf(file)->pMethods != nullptr) file->pMethods = Methods();
  return code;
}

int Delete(sqlite3_vfs*, const char* name, int sync_directory) {
  const int fault = Before();
  return fault != SQLITE_OK ? fault : Real()->xDelete(Real(), name, sync_directory);
}

}  // namespace

std::function<int()> FaultyDisk::before;
std::function<int()> FaultyDisk::before_sync;
std::atomic<bool> FaultyDisk::without_sync = false;

void FaultyDisk::Install() {
  static sqlite3_vfs vfs = [] {
    sqlite3_initialize();
    sqlite3_vfs copy = *Real();
    copy.pNext = nullptr;
    copy.zName = "faulty";
    copy.szOsFile += static_cast<int>(sizeof(File));
    copy.xOpen = Open;
    copy.xDelete = Delete;
    return copy;
  }();
  sqlite3_vfs_register(&vfs, 1);
}

}  // namespace veilsum::sqlite
