// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/store/blob_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "aggregator/store/data_directory.h"
#include "aggregator/store/failpoint.h"
#include "aggregator/store/store_error.h"
#include "crypto/primitives/transcript_hash.h"

namespace veilsum::aggregator {
namespace {

constexpr absl::string_view kCheckpointPrefix = "checkpoint-";
constexpr std::array<uint8_t, 8> kMagic = {'V', 'S', 'B', 'L', 'O', 'B', 0, 1};
constexpr size_t kHeaderBytes = 48;

using Header = std::array<uint8_t, kHeaderBytes>;

Header MakeHeader(const BlobName& name, const std::string& bytes) {
  const crypto::Digest digest = crypto::TranscriptHash("veilsum blob")
                                    .Add(crypto::AsBytes(name.session_id))
                                    .AddU64(static_cast<uint64_t>(name.kind))
                                    .AddU64(name.generation)
                                    .Add(crypto::AsBytes(bytes))
                                    .Finish();
  const std::array<uint8_t, 8> size = crypto::EncodeU64(bytes.size());
  Header header;
  auto* end = std::copy(kMagic.begin(), kMagic.end(), header.begin());
  end = std::copy(size.begin(), size.end(), end);
  std::copy(digest.begin(), digest.end(), end);
  return header;
}

// Closes at the end.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

absl::Status WriteAll(const DiskCalls& calls, int file, const std::string& path,
                      absl::Span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = calls.write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError("write", path);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

// Whatever the reason: not to be tried again.
absl::Status SyncError(const std::string& path) {
  return StoreError(absl::StatusCode::kInternal,
                    absl::StrCat("cannot sync ", path, ": ", std::strerror(errno)));
}

absl::Status WriteUnfinished(const DiskCalls& calls, const std::string& path, const Header& header,
                             const std::string& bytes) {
  const File file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) return SystemError("make", path);
  Failpoint("blob.before_write");
  const absl::Span<const uint8_t> rest = crypto::AsBytes(bytes);
  const size_t half = rest.size() / 2;
  absl::Status status = WriteAll(calls, file.get(), path, header);
  if (status.ok()) status = WriteAll(calls, file.get(), path, rest.subspan(0, half));
  Failpoint("blob.half_written");
  if (status.ok()) status = WriteAll(calls, file.get(), path, rest.subspan(half));
  if (!status.ok()) return status;
  Failpoint("blob.before_fsync");
  return calls.fsync(file.get()) == 0 ? absl::OkStatus() : SyncError(path);
}

absl::Status Damaged(const std::string& path, absl::string_view what) {
  return StoreError(absl::StatusCode::kDataLoss, absl::StrCat(path, " is damaged: ", what));
}

absl::Status ReadAll(int file, const std::string& path, absl::Span<uint8_t> out) {
  while (!out.empty()) {
    const ssize_t got = read(file, out.data(), out.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError("read", path);
    if (got == 0) return Damaged(path, "it became shorter");
    out.remove_prefix(static_cast<size_t>(got));
  }
  return absl::OkStatus();
}

}  // namespace

const DiskCalls kSystemCalls = {::write, ::fsync, std::rename, FreeBytes};

std::string BlobFileName(const BlobName& name) {
  return name.kind == BlobKind::kResult ? "result"
                                        : absl::StrCat(kCheckpointPrefix, name.generation);
}

bool ParseCheckpointName(const std::string& file_name, uint64_t& generation) {
  absl::string_view rest = file_name;
  return absl::ConsumePrefix(&rest, kCheckpointPrefix) && absl::SimpleAtoi(rest, &generation) &&
         BlobFileName({"", BlobKind::kCheckpoint, generation}) == file_name;
}

absl::Status WriteBlobFile(const DiskCalls& calls, const std::string& directory,
                           const BlobName& name, const std::string& bytes) {
  const std::string path = absl::StrCat(directory, "/", BlobFileName(name));
  const std::string unfinished = path + kUnfinished;
  // Opened first: once something was written it would be too late to have no descriptor left.
  const std::string parent = directory + "/..";
  const File directory_file(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory_file.get() < 0) return SystemError("open", directory);
  const File parent_file(open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent_file.get() < 0) return SystemError("open", parent);
  absl::Status status = WriteUnfinished(calls, unfinished, MakeHeader(name, bytes), bytes);
  if (status.ok()) {
    Failpoint("blob.before_rename");
    if (calls.rename(unfinished.c_str(), path.c_str()) != 0) status = SystemError("rename", path);
  }
  if (!status.ok()) {
    unlink(unfinished.c_str());
    return status;
  }
  Failpoint("blob.after_rename");
  if (calls.fsync(directory_file.get()) != 0) return SyncError(directory);
  Failpoint("blob.after_directory_sync");
  // Even where the directory was there: a crash may have come between its making and this.
  return calls.fsync(parent_file.get()) == 0 ? absl::OkStatus() : SyncError(parent);
}

absl::StatusOr<std::string> ReadBlobFile(const std::string& directory, const BlobName& name) {
  const std::string path = absl::StrCat(directory, "/", BlobFileName(name));
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat info {};
  if (file.get() < 0 && errno == ENOENT) {
    return StoreError(absl::StatusCode::kNotFound, absl::StrCat("there is no ", path));
  }
  if (file.get() < 0 || fstat(file.get(), &info) != 0) return SystemError("read", path);
  Header header{};
  const auto size = static_cast<uint64_t>(info.st_size);
  if (size < kHeaderBytes) return Damaged(path, "it is too short");
  absl::Status status = ReadAll(file.get(), path, absl::MakeSpan(header));
  if (!status.ok()) return status;
  // Before there is memory for it: the size of a damaged file can be any.
  const auto stated = crypto::EncodeU64(size - kHeaderBytes);
  if (!std::equal(stated.begin(), stated.end(), header.begin() + kMagic.size())) {
    return Damaged(path, "its size is another one than its header says");
  }
  std::string bytes(size - kHeaderBytes, '\0');
  status = ReadAll(file.get(), path,
                   absl::MakeSpan(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()));
  if (!status.ok()) return status;
  if (header != MakeHeader(name, bytes)) return Damaged(path, "its checksum is wrong");
  return bytes;
}

}  // namespace veilsum::aggregator
