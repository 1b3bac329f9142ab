// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What is masked and uploaded, part by part, so that nobody has to hold all of it at once.
#ifndef VEILSUM_CLIENT_SDK_ENCODING_INPUT_SOURCE_H_
#define VEILSUM_CLIENT_SDK_ENCODING_INPUT_SOURCE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "crypto/masking/lanes.h"

namespace veilsum::client {

// An encoded input, not masked: dimension + 1 lanes, the weighted levels and then the weight. As
// secret as the update. Any part may be had any number of times, and is always the same. Const
// members are thread-safe.
class InputSource {
 public:
  virtual ~InputSource() = default;

  virtual crypto::LaneWidth width() const = 0;
  virtual uint64_t size() const = 0;
  // Elements first, first + 1, …; all of them must be there. Only that of width() may be called.
  virtual void Fill(uint64_t first, absl::Span<uint16_t> out) const = 0;
  virtual void Fill(uint64_t first, absl::Span<uint32_t> out) const = 0;
  virtual void Fill(uint64_t first, absl::Span<uint64_t> out) const = 0;
};

// Lanes that are in memory, and outlive it.
class LaneSource final : public InputSource {
 public:
  explicit LaneSource(const crypto::LaneVector& lanes) : lanes_(lanes) {}

  crypto::LaneWidth width() const override { return lanes_.width(); }
  uint64_t size() const override { return lanes_.size(); }
  void Fill(uint64_t first, absl::Span<uint16_t> out) const override { Copy(first, out); }
  void Fill(uint64_t first, absl::Span<uint32_t> out) const override { Copy(first, out); }
  void Fill(uint64_t first, absl::Span<uint64_t> out) const override { Copy(first, out); }

 private:
  template <typename LaneT>
  void Copy(uint64_t first, absl::Span<LaneT> out) const {
    lanes_.Visit([&](auto lanes) {
      std::copy_n(lanes.begin() + static_cast<ptrdiff_t>(first), out.size(), out.begin());
    });
  }

  const crypto::LaneVector& lanes_;
};

}  // namespace veilsum::client

#endif  // VEILSUM_CLIENT_SDK_ENCODING_INPUT_SOURCE_H_
