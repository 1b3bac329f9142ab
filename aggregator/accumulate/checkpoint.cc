// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/accumulate/checkpoint.h"

#include <bit>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "crypto/masking/lanes.h"
#include "crypto/primitives/transcript_hash.h"
#include "proto/limits.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they are");

constexpr absl::string_view kMagic = "VSUMCKPT";
constexpr uint32_t kVersion = 1;
constexpr size_t kSessionIdBytes = 16;
constexpr size_t kIdentityBytes = 32;
constexpr size_t kDigestBytes = sizeof(crypto::Digest);
constexpr size_t kHeaderBytes = 8 + 4 + 4 + kSessionIdBytes + 8 + 8 + 4;
constexpr size_t kUploadBytes = kIdentityBytes + kDigestBytes;

absl::Status Damaged(absl::string_view text) {
  return MakeError(absl::StatusCode::kDataLoss, v1::REASON_STORAGE_FAILED,
                   absl::StrCat("the checkpoint is damaged: ", text));
}

template <class T>
void Append(std::string& out, T number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

// Reads what is known to be there.
class Reader {
 public:
  explicit Reader(absl::string_view bytes) : bytes_(bytes) {}

  absl::string_view Take(size_t size) {
    const absl::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  template <class T>
  T Number() {
    T number;
    std::memcpy(&number, Take(sizeof(number)).data(), sizeof(number));
    return number;
  }
  crypto::Digest TakeDigest() {
    crypto::Digest digest;
    std::memcpy(digest.data(), Take(digest.size()).data(), digest.size());
    return digest;
  }

 private:
  absl::string_view bytes_;
};

struct Header {
  uint32_t modulus_bits;
  uint64_t elements;
  uint32_t uploads;

  size_t lane_bytes() const {
    return elements * crypto::LaneBytes(crypto::LaneWidthFor(modulus_bits));
  }
  size_t total_bytes() const {
    return kHeaderBytes + uploads * kUploadBytes + lane_bytes() + kDigestBytes;
  }
};

absl::StatusOr<Header> ReadHeader(Reader& reader, CheckpointName& name) {
  if (reader.Take(kMagic.size()) != kMagic) return Damaged("it is none");
  const uint32_t version = reader.Number<uint32_t>();
  if (version != kVersion) return Damaged(absl::StrCat("it is of version ", version));
  Header header;
  header.modulus_bits = reader.Number<uint32_t>();
  name.session_id = std::string(reader.Take(kSessionIdBytes));
  name.generation = reader.Number<uint64_t>();
  header.elements = reader.Number<uint64_t>();
  header.uploads = reader.Number<uint32_t>();
  if (header.modulus_bits < 1 || header.modulus_bits > limits::kMaxModulusBits ||
      header.elements < 1 || header.elements > limits::kMaxDimension + 1 ||
      header.uploads > limits::kMaxClients) {
    return Damaged("its numbers are out of range");
  }
  return header;
}

absl::Status ReadUploads(Reader& reader, uint32_t count, CheckpointName& name) {
  name.included.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const auto identity =
        crypto::IdentityPublicKey::Parse(crypto::AsBytes(reader.Take(kIdentityBytes)));
    if (!identity.ok()) return Damaged("an identity is none");
    name.included.push_back({*identity, reader.TakeDigest()});
  }
  return absl::OkStatus();
}

}  // namespace

std::string EncodeCheckpoint(const CheckpointName& name, const Accumulator& accumulator) {
  const Header header{accumulator.modulus_bits(), accumulator.elements(),
                      static_cast<uint32_t>(name.included.size())};
  std::string out;
  out.reserve(header.total_bytes());
  out.append(kMagic.data(), kMagic.size());
  Append(out, kVersion);
  Append(out, header.modulus_bits);
  std::string session_id = name.session_id;
  session_id.resize(kSessionIdBytes);
  out += session_id;
  Append(out, name.generation);
  Append(out, header.elements);
  Append(out, header.uploads);
  for (const CountedUpload& upload : name.included) {
    out += crypto::ToString(upload.from.bytes());
    out += crypto::ToString(upload.digest);
  }
  accumulator.lanes().Visit([&](auto lanes) {
    out.append(reinterpret_cast<const char*>(lanes.data()), lanes.size() * sizeof(lanes[0]));
  });
  out += crypto::ToString(crypto::Sha256(crypto::AsBytes(out)));
  return out;
}

absl::StatusOr<Checkpoint> DecodeCheckpoint(absl::string_view bytes) {
  if (bytes.size() < kHeaderBytes + kDigestBytes) return Damaged("it is cut short");
  Reader reader(bytes);
  CheckpointName name;
  const absl::StatusOr<Header> header = ReadHeader(reader, name);
  if (!header.ok()) return header.status();
  if (bytes.size() != header->total_bytes()) {
    return Damaged(absl::StrCat("it has ", bytes.size(), " bytes of ", header->total_bytes()));
  }
  const size_t hashed = bytes.size() - kDigestBytes;
  if (crypto::ToString(crypto::Sha256(crypto::AsBytes(bytes.substr(0, hashed)))) !=
      bytes.substr(hashed)) {
    return Damaged("its SHA-256 is another");
  }
  const absl::Status status = ReadUploads(reader, header->uploads, name);
  if (!status.ok()) return status;
  auto lanes = crypto::LaneVector::ForModulus(header->modulus_bits, header->elements);
  const absl::string_view stored = reader.Take(header->lane_bytes());
  lanes.Visit([&](auto span) { std::memcpy(span.data(), stored.data(), stored.size()); });
  absl::StatusOr<Accumulator> accumulator =
      Accumulator::FromLanes(std::move(lanes), header->modulus_bits);
  if (!accumulator.ok()) return Damaged(accumulator.status().message());
  return Checkpoint{std::move(name), *std::move(accumulator)};
}

}  // namespace veilsum::aggregator
