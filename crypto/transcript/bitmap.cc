// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/transcript/bitmap.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace veilsum::crypto {

std::string EncodeBitmap(const std::vector<bool>& members) {
  std::string bitmap((members.size() + 7) / 8, '\0');
  for (size_t i = 0; i < members.size(); ++i) {
    if (members[i]) bitmap[i / 8] = static_cast<char>(bitmap[i / 8] | (1 << (i % 8)));
  }
  return bitmap;
}

absl::StatusOr<std::vector<bool>> DecodeBitmap(ByteSpan bitmap, size_t size) {
  if (bitmap.size() != (size + 7) / 8) {
    return absl::InvalidArgumentError(absl::StrCat("a bitmap of ", size, " positions is ",
                                                   (size + 7) / 8, " bytes, not ", bitmap.size()));
  }
  std::vector<bool> members(size);
  for (size_t i = 0; i < size; ++i) members[i] = (bitmap[i / 8] >> (i % 8)) & 1;
  if (size % 8 != 0 && (bitmap.back() >> (size % 8)) != 0) {
    return absl::InvalidArgumentError("a bitmap has bits set above its last position");
  }
  return members;
}

}  // namespace veilsum::crypto
