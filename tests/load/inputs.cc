// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/load/inputs.h"

#include <cstdio>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client_sdk/encoding/decoder.h"
#include "crypto/masking/packing.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/transcript_hash.h"

namespace veilsum::load {
namespace {

std::string HexDigest(crypto::ByteSpan bytes) {
  return absl::BytesToHexString(crypto::ToString(crypto::Sha256(bytes)));
}

}  // namespace

std::string MeanDigest(absl::Span<const float> mean) {
  return HexDigest(
      crypto::ByteSpan(reinterpret_cast<const uint8_t*>(mean.data()), mean.size() * sizeof(float)));
}

absl::Status Inputs::Save(const std::string& path) const {
  const std::string unfinished = path + ".unfinished";
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::ofstream file(unfinished);
    file << inputs_ << ' ' << spec_.modulus_bits() << ' ' << sum_.size() << '\n';
    for (const uint64_t element : sum_) file << element << '\n';
    if (!file.flush()) return absl::InternalError(absl::StrCat(path, ": cannot be written"));
  }
  if (std::rename(unfinished.c_str(), path.c_str()) == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(path, ": cannot be written"));
}

absl::Status Inputs::Merge(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::UnavailableError(absl::StrCat(path, ": is not there"));
  uint32_t inputs = 0, bits = 0;
  size_t elements = 0;
  file >> inputs >> bits >> elements;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (inputs > 0 && inputs_ > 0 && (bits != spec_.modulus_bits() || elements != sum_.size())) {
    return absl::InternalError(absl::StrCat(path, ": is of another session"));
  }
  if (inputs > 0) spec_.set_modulus_bits(bits);
  sum_.resize(std::max(sum_.size(), elements));
  for (size_t i = 0; i < elements; ++i) {
    uint64_t element = 0;
    file >> element;
    sum_[i] += element;
  }
  inputs_ += inputs;
  return file ? absl::OkStatus() : absl::InternalError(absl::StrCat(path, ": is cut short"));
}

absl::StatusOr<Inputs::Expected> Inputs::Expect() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (inputs_ == 0) return absl::InternalError("nobody's input was seen");
  std::string packed(crypto::PackedSize(sum_.size(), spec_.modulus_bits()), '\0');
  absl::Status done = crypto::Pack<uint64_t>(
      sum_, spec_.modulus_bits(),
      absl::MakeSpan(reinterpret_cast<uint8_t*>(packed.data()), packed.size()));
  if (!done.ok()) return done;
  const absl::StatusOr<client::DecodedSum> decoded = client::DecodeSum(packed, spec_, inputs_);
  if (!decoded.ok()) return decoded.status();
  return Expected{inputs_, HexDigest(crypto::AsBytes(packed)), MeanDigest(decoded->mean)};
}

}  // namespace veilsum::load
