// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Texts for people that go on the wire.
#ifndef VEILSUM_PROTO_CUT_TEXT_H_
#define VEILSUM_PROTO_CUT_TEXT_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace veilsum {

// The beginning of a UTF-8 text, at most `most` bytes, without half a character at its end: a
// message with one would not parse at the other side.
inline absl::string_view CutText(absl::string_view text, size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most);
}

}  // namespace veilsum

#endif  // VEILSUM_PROTO_CUT_TEXT_H_
