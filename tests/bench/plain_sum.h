// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What both ends of the plain sum know: the form of an upload, and what the uploads of so many
// clients add up to. A plain sum is what secure aggregation is compared with: clients that send
// their vectors as they are to a server that adds them.
#ifndef VEILSUM_TESTS_BENCH_PLAIN_SUM_H_
#define VEILSUM_TESTS_BENCH_PLAIN_SUM_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace veilsum::bench {

// The one RPC: a stream of chunks that are parts of one upload, in order. It ends with OK once all
// of it is in the sum.
inline constexpr char kPlainSumMethod[] = "/veilsum.bench.PlainSum/Upload";

struct PlainForm {
  uint64_t dimension = 0;
  uint32_t bits = 0;  // 0: float32. Else packed as crypto/masking/packing.h does, at most 32.

  // Elements begin and end on a byte together in groups of so many bytes.
  size_t group_bytes() const { return bits == 0 ? 4 : bits; }
  size_t group_elements() const { return bits == 0 ? 1 : 8; }
  uint64_t upload_bytes() const;
};

// The uploads of all clients, in one buffer: that of client i begins at Of(i).
class PlainUploads {
 public:
  explicit PlainUploads(PlainForm form);

  const uint8_t* Of(uint32_t client) const;
  // SumDigest of the first `clients` of them.
  std::string ExpectedDigest(uint32_t clients) const;

 private:
  PlainForm form_;
  std::vector<uint8_t> bytes_;
};

// Hexadecimal SHA-256 of a sum in memory: floats, or words of 32 bits of which `bits` count.
std::string SumDigest(const std::vector<float>& sum);
std::string SumDigest(std::vector<uint32_t> sum, uint32_t bits);

}  // namespace veilsum::bench

#endif  // VEILSUM_TESTS_BENCH_PLAIN_SUM_H_
