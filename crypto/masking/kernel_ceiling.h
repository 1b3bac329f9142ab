// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What the mask kernels are measured against, for benchmarks only: from above a kernel's own key
// stream without lanes, from below the library's cipher with an addition after it.

#ifndef VEILSUM_CRYPTO_MASKING_KERNEL_CEILING_H_
#define VEILSUM_CRYPTO_MASKING_KERNEL_CEILING_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "crypto/masking/kernels.h"
#include "crypto/primitives/boringssl.h"

namespace veilsum::crypto {

// A stream of a fixed key, its schedules made.
StreamKey StreamToMeasure();

// The ceiling: expands `bytes` bytes (rounded up to whole steps, 512 bytes at most; "portable":
// 8 KiB) of the stream with the inner loop of the kernel of that name, and throws them away without
// memory being touched ("portable": in the L1 cache). The kernel must be one of Kernels(). What it
// gives back depends on every byte, so that none can be left out.
uint64_t BareKeyStream(absl::string_view kernel, const StreamKey& stream, size_t bytes);

// The baseline: AES-128-CTR of BoringSSL's EVP interface into a buffer in the L1 cache, then a loop
// that adds it. Give it a tile of lanes again and again, for kernels work like that.
class LibraryMask {
 public:
  explicit LibraryMask(const StreamKey& stream);

  // Adds the next lanes.size() elements of the mask to the lanes.
  void AddTo(absl::Span<uint32_t> lanes);

 private:
  struct Free {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };

  std::unique_ptr<EVP_CIPHER_CTX, Free> context_;
  std::vector<uint8_t> zeros_;
  std::vector<uint32_t> key_stream_;
};

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_MASKING_KERNEL_CEILING_H_
