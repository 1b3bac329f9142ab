// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/store/storage.h"

#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "aggregator/store/data_directory.h"
#include "aggregator/store/file_blob_store.h"
#include "aggregator/store/memory_blob_store.h"
#include "aggregator/store/memory_session_store.h"
#include "aggregator/store/sqlite_session_store.h"
#include "spdlog/spdlog.h"

namespace veilsum::aggregator {
namespace {

constexpr int kInputOutputError = 74;  // EX_IOERR of sysexits.h

// At once: nothing more is written, and nobody is told anything.
void Leave(const absl::Status& error) {
  spdlog::critical(
      "the disk failed, and what is in memory may not be on it: {}; leaving with exit code {}, "
      "start "
      "again once it is mended, from what is stored",
      std::string(error.message()), kInputOutputError);
  spdlog::default_logger()->flush();
  _exit(kInputOutputError);
}

}  // namespace

absl::StatusOr<Storage> OpenStorage(StorageOptions options) {
  static metrics::NullRecorder nobody;
  if (options.fatal == nullptr) options.fatal = Leave;
  if (options.recorder == nullptr) options.recorder = &nobody;
  const auto directory = DataDirectory::Open(options.directory);
  if (!directory.ok()) return directory.status();
  auto sessions = SqliteSessionStore::Open({*directory, options.fatal, options.recorder});
  if (!sessions.ok()) return sessions.status();
  auto blobs = FileBlobStore::Open({*directory, options.fatal, options.recorder});
  if (!blobs.ok()) return blobs.status();
  return Storage{*std::move(sessions), *std::move(blobs)};
}

Storage MemoryStorage() {
  return {std::make_shared<MemorySessionStore>(), std::make_shared<MemoryBlobStore>()};
}

}  // namespace veilsum::aggregator
