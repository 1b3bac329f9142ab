// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// One blob as one file: written so that it is there as a whole or not at all. For this folder only.
#ifndef VEILSUM_AGGREGATOR_STORE_BLOB_FILE_H_
#define VEILSUM_AGGREGATOR_STORE_BLOB_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aggregator/store/blob_store.h"

namespace veilsum::aggregator {

// What the disk does, for tests to break; the system's own by default.
struct DiskCalls {
  ssize_t (*write)(int file, const void* bytes, size_t size);
  int (*fsync)(int file);
  int (*rename)(const char* from, const char* to);
  std::optional<uint64_t> (*free_bytes)(const std::string& path);
};
extern const DiskCalls kSystemCalls;

// Names in a blob directory: "checkpoint-12", "result". The inverse is false for other names.
std::string BlobFileName(const BlobName& name);
bool ParseCheckpointName(const std::string& file_name, uint64_t& generation);
inline constexpr char kUnfinished[] = ".tmp";  // What the name ends with until it is whole.

// The file: "VSBLOB\0\1", u64be(size), SHA-256 over the blob and its name, and the blob. Its own
// checksum, though a checkpoint has one inside too: a result has none, and a blob in the wrong
// place is found as well.
//
// Durable with OK, the file, its name in `directory`, which is there, and the directory's own name.
// RESOURCE_EXHAUSTED: the disk is full or read-only, or no file descriptor is left, and nothing of
// it stays. Any other error: nobody knows what is on the disk.
absl::Status WriteBlobFile(const DiskCalls& calls, const std::string& directory,
                           const BlobName& name, const std::string& bytes);

// NOT_FOUND, or DATA_LOSS for a file that is not as it was written, or under this name. Any other
// error: it could not be read, and may be whole.
absl::StatusOr<std::string> ReadBlobFile(const std::string& directory, const BlobName& name);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_STORE_BLOB_FILE_H_
