// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// X25519 (RFC 7748). Every client has two key pairs per session: the channel pair, which protects
// the shares it sends to its neighbours, and the mask pair, whose agreements are the pairwise mask
// seeds. The types carry the purpose, so an agreement across purposes does not compile.

#ifndef VEILSUM_CRYPTO_PRIMITIVES_KEY_AGREEMENT_H_
#define VEILSUM_CRYPTO_PRIMITIVES_KEY_AGREEMENT_H_

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/secret.h"

namespace veilsum::crypto {

struct ChannelPurpose {
  static constexpr absl::string_view kName = "channel";
  using PrivateKey = ChannelPrivateKey;
  using SharedSecret = ChannelSharedSecret;
};
struct MaskPurpose {
  static constexpr absl::string_view kName = "mask";
  using PrivateKey = MaskPrivateKey;
  using SharedSecret = MaskSharedSecret;
};

namespace internal {

// Ok for the canonical encoding of a point that is not of small order.
absl::Status CheckAgreementKey(ByteSpan key, absl::string_view purpose);
std::array<uint8_t, 32> PublicFromPrivate(ByteSpan private_key);
// Both 32 bytes. False, with `out` zeroed, if the result is all zeros.
bool Agree(ByteSpan private_key, ByteSpan public_key, absl::Span<uint8_t> out);

}  // namespace internal

// 32 bytes that passed Parse, or that this process made. Ordered bytewise.
template <class Purpose>
class AgreementPublicKey {
 public:
  static constexpr size_t kSize = 32;

  // InvalidArgument for a wrong length, a point of small order, and an encoding that is not the
  // canonical one (RFC 7748 would accept it, but then two different strings would be one key, and
  // a check for reused keys could be passed with another's key).
  static absl::StatusOr<AgreementPublicKey> Parse(ByteSpan bytes) {
    absl::Status status = internal::CheckAgreementKey(bytes, Purpose::kName);
    if (!status.ok()) return status;
    AgreementPublicKey key;
    for (size_t i = 0; i < kSize; ++i) key.bytes_[i] = bytes[i];
    return key;
  }
  static AgreementPublicKey FromPrivate(const typename Purpose::PrivateKey& private_key) {
    AgreementPublicKey key;
    key.bytes_ = internal::PublicFromPrivate(ExposeSecret(private_key));
    return key;
  }

  ByteSpan bytes() const { return bytes_; }
  friend auto operator<=>(const AgreementPublicKey&, const AgreementPublicKey&) = default;

 private:
  AgreementPublicKey() : bytes_{} {}
  std::array<uint8_t, kSize> bytes_;
};

template <class Purpose>
struct AgreementKeyPair {
  typename Purpose::PrivateKey private_key;
  AgreementPublicKey<Purpose> public_key;

  // Any 32 bytes are a private key (X25519 clamps them).
  static AgreementKeyPair FromPrivate(typename Purpose::PrivateKey private_key) {
    auto public_key = AgreementPublicKey<Purpose>::FromPrivate(private_key);
    return {std::move(private_key), public_key};
  }
};

using ChannelPublicKey = AgreementPublicKey<ChannelPurpose>;
using MaskPublicKey = AgreementPublicKey<MaskPurpose>;
using ChannelKeyPair = AgreementKeyPair<ChannelPurpose>;
using MaskKeyPair = AgreementKeyPair<MaskPurpose>;

// The raw agreement, to be put through a KDF (crypto/transcript/key_schedule.h) before any use.
// InvalidArgument if the result is all zeros (RFC 7748, section 6.1).
absl::StatusOr<ChannelSharedSecret> AgreeChannel(const ChannelPrivateKey& own,
                                                 const ChannelPublicKey& peer);
absl::StatusOr<MaskSharedSecret> AgreeMask(const MaskPrivateKey& own, const MaskPublicKey& peer);

// The same, refusing one's own public key (a reflected entry) as InvalidArgument.
absl::StatusOr<ChannelSharedSecret> AgreeChannel(const ChannelKeyPair& own,
                                                 const ChannelPublicKey& peer);
absl::StatusOr<MaskSharedSecret> AgreeMask(const MaskKeyPair& own, const MaskPublicKey& peer);

// The mask key pair is a function of m alone, so that the aggregator, having reconstructed a
// dropout's m, can compare the public key with the advertised one.
MaskKeyPair DeriveMaskKeyPair(const MaskPrivateSeed& m);

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_PRIMITIVES_KEY_AGREEMENT_H_
