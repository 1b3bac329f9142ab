// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/runtime/body_size.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "absl/strings/str_cat.h"
#include "aggregator/runtime/names.h"
#include "proto/limits.h"

namespace veilsum::aggregator {
namespace {

// Of SealedShares, the greater of the two: fields and their framing.
constexpr uint64_t kMostEntryBytes = limits::kSealedSharesBytes + 2 * limits::kDigestBytes + 24;

}  // namespace

absl::Status CheckBodySize(absl::string_view body, uint32_t degree) {
  const uint64_t most_entries = 2 * (uint64_t{degree} + 1);
  if (body.size() > most_entries * kMostEntryBytes) {
    return StatusFor(v1::REASON_OVERSIZED,
                     absl::StrCat("body: is ", body.size(), " bytes, for ", degree, " neighbours"));
  }
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(body.data()),
                                            static_cast<int>(body.size()));
  uint64_t fields = 0;
  while (const uint32_t tag = in.ReadTag()) {
    if (++fields > most_entries) {
      return StatusFor(v1::REASON_OVERSIZED, absl::StrCat("body: has more than ", most_entries,
                                                          " entries, for ", degree, " neighbours"));
    }
    if (!google::protobuf::internal::WireFormatLite::SkipField(&in, tag)) break;
  }
  return absl::OkStatus();
}

}  // namespace veilsum::aggregator
