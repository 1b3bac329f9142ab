// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/primitives/key_agreement.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "crypto/primitives/boringssl.h"
#include "crypto/primitives/constant_time.h"
#include "crypto/primitives/curve25519_field.h"
#include "crypto/primitives/hkdf.h"
#include "crypto/primitives/labels.h"

namespace veilsum::crypto {
namespace internal {
namespace {

// Canonical u-coordinates of the points whose order divides 8, on the curve and on its twist:
// 0, 1, −1 and the two of order 8 (https://cr.yp.to/ecdh.html#validate).
constexpr Coordinate kSmallOrder[] = {
    {0},
    {1},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
     0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
     0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
    {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
     0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
     0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
};

}  // namespace

absl::Status CheckAgreementKey(ByteSpan key, absl::string_view purpose) {
  if (key.size() != kFieldPrime.size()) {
    return absl::InvalidArgumentError(absl::StrCat("a ", purpose, " public key is ",
                                                   kFieldPrime.size(), " bytes, not ", key.size()));
  }
  if (!IsCanonical(key)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the ", purpose, " public key is not in its canonical encoding"));
  }
  for (const Coordinate& point : kSmallOrder) {
    if (std::equal(key.begin(), key.end(), point.begin())) {
      return absl::InvalidArgumentError(
          absl::StrCat("the ", purpose, " public key is a point of small order"));
    }
  }
  return absl::OkStatus();
}

std::array<uint8_t, 32> PublicFromPrivate(ByteSpan private_key) {
  std::array<uint8_t, 32> public_key;
  X25519_public_from_private(public_key.data(), private_key.data());
  return public_key;
}

bool Agree(ByteSpan private_key, ByteSpan public_key, absl::Span<uint8_t> out) {
  return X25519(out.data(), private_key.data(), public_key.data()) == 1;
}

}  // namespace internal

namespace {

template <class Purpose>
absl::StatusOr<typename Purpose::SharedSecret> AgreeFor(const typename Purpose::PrivateKey& own,
                                                        const AgreementPublicKey<Purpose>& peer) {
  bool nonzero = false;
  auto shared = Purpose::SharedSecret::Generate([&](absl::Span<uint8_t> out) {
    nonzero = Declassify(internal::Agree(ExposeSecret(own), peer.bytes(), out));
  });
  if (!nonzero) {
    return absl::InvalidArgumentError(
        absl::StrCat("the agreement with this ", Purpose::kName, " public key is all zeros"));
  }
  return shared;
}

template <class Purpose>
absl::StatusOr<typename Purpose::SharedSecret> AgreeRefusingOwn(
    const AgreementKeyPair<Purpose>& own, const AgreementPublicKey<Purpose>& peer) {
  if (own.public_key == peer) {
    return absl::InvalidArgumentError(
        absl::StrCat("the peer's ", Purpose::kName, " public key is this client's own"));
  }
  return AgreeFor<Purpose>(own.private_key, peer);
}

}  // namespace

absl::StatusOr<ChannelSharedSecret> AgreeChannel(const ChannelPrivateKey& own,
                                                 const ChannelPublicKey& peer) {
  return AgreeFor<ChannelPurpose>(own, peer);
}

absl::StatusOr<MaskSharedSecret> AgreeMask(const MaskPrivateKey& own, const MaskPublicKey& peer) {
  return AgreeFor<MaskPurpose>(own, peer);
}

absl::StatusOr<ChannelSharedSecret> AgreeChannel(const ChannelKeyPair& own,
                                                 const ChannelPublicKey& peer) {
  return AgreeRefusingOwn<ChannelPurpose>(own, peer);
}

absl::StatusOr<MaskSharedSecret> AgreeMask(const MaskKeyPair& own, const MaskPublicKey& peer) {
  return AgreeRefusingOwn<MaskPurpose>(own, peer);
}

MaskKeyPair DeriveMaskKeyPair(const MaskPrivateSeed& m) {
  return MaskKeyPair::FromPrivate(
      DeriveSecret<MaskPrivateKey>(ExposeSecret(m), {}, KdfInfo(kLabelMaskKey)));
}

}  // namespace veilsum::crypto
