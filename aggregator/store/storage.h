// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A data directory, opened: the two stores in it.
#ifndef VEILSUM_AGGREGATOR_STORE_STORAGE_H_
#define VEILSUM_AGGREGATOR_STORE_STORAGE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aggregator/store/blob_store.h"
#include "aggregator/store/session_store.h"
#include "metrics/recorder.h"

namespace veilsum::aggregator {

struct Storage {
  std::shared_ptr<SessionStore> sessions;
  std::shared_ptr<BlobStore> blobs;
};

struct StorageOptions {
  std::string directory;
  // Called when the disk fails in a way after which nothing that is in memory may be believed to be
  // on it (fsyncgate: never fsync again, start again and read). It must not return; the default
  // says why in the log and leaves with exit code 74 (EX_IOERR).
  std::function<void(const absl::Status&)> fatal;
  metrics::Recorder* recorder = nullptr;  // Outlives the storage; null: nothing is counted.
};

// Makes the directory (0700) if it is not there; its parent must be. Locks it until both stores are
// gone. FAILED_PRECONDITION if another process has it open, if it is no directory, if others than
// its owner may write to it, or if it is of a newer version of this program, which is left as it
// is; DATA_LOSS if the database is damaged. Errors say which file and what to do.
absl::StatusOr<Storage> OpenStorage(StorageOptions options);

// The same in memory, gone with the process: for tests.
Storage MemoryStorage();

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_STORE_STORAGE_H_
