// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What tells a row of the database that is as it was written from one that is not.
#ifndef VEILSUM_AGGREGATOR_STORE_ROW_CHECKSUM_H_
#define VEILSUM_AGGREGATOR_STORE_ROW_CHECKSUM_H_

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "crypto/primitives/transcript_hash.h"

namespace veilsum::aggregator {

// Eight bytes of SHA-256 over the table's name and all columns, the session's id among them: rows
// that changed places are found too. Against broken disks, not against people, who could compute
// it.
class RowChecksum {
 public:
  explicit RowChecksum(absl::string_view table) : hash_(absl::StrCat("veilsum store ", table)) {}

  RowChecksum& Add(absl::string_view column) {
    hash_.Add(crypto::AsBytes(column));
    return *this;
  }
  RowChecksum& Add(int64_t column) {
    hash_.AddU64(static_cast<uint64_t>(column));
    return *this;
  }
  int64_t Finish() const {
    const crypto::Digest digest = hash_.Finish();
    uint64_t checksum = 0;
    for (int i = 0; i < 8; ++i) checksum = checksum << 8 | digest[i];
    return static_cast<int64_t>(checksum);
  }

 private:
  crypto::TranscriptHash hash_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_STORE_ROW_CHECKSUM_H_
