// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Secrets as types. A secret cannot be copied by accident, printed, or compared with ==; it is
// overwritten with zeros when it dies and when it is moved from; and secrets of different kinds do
// not convert into each other, so mixing two of them up does not compile.
//
// The bytes are reached only through ExposeSecret and ExposeSecretMutable, so that one can grep for
// every place that looks at them. Not thread safe beyond const access.

#ifndef VEILSUM_CRYPTO_PRIMITIVES_SECRET_H_
#define VEILSUM_CRYPTO_PRIMITIVES_SECRET_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/constant_time.h"

namespace veilsum::crypto {

template <class Tag, size_t N>
class Secret;
class SecretBuffer;

// The bytes of a secret, valid as long as it is.
template <class Tag, size_t N>
ByteSpan ExposeSecret(const Secret<Tag, N>& secret);
ByteSpan ExposeSecret(const SecretBuffer& secret);
template <class Tag, size_t N>
absl::Span<uint8_t> ExposeSecretMutable(Secret<Tag, N>& secret);
absl::Span<uint8_t> ExposeSecretMutable(SecretBuffer& secret);

// N secret bytes of the kind that Tag names (Tag::kName is used in error messages).
template <class Tag, size_t N>
class Secret {
 public:
  static constexpr size_t kSize = N;

  // InvalidArgument unless `bytes` is exactly kSize long. The caller still owns, and should erase,
  // the bytes it passed.
  static absl::StatusOr<Secret> FromBytes(ByteSpan bytes) {
    if (bytes.size() != N) {
      return absl::InvalidArgumentError(
          absl::StrCat("a ", Tag::kName, " is ", N, " bytes, not ", bytes.size()));
    }
    Secret secret;
    std::copy(bytes.begin(), bytes.end(), secret.bytes_.begin());
    return secret;
  }

  // A secret whose bytes `fill(absl::Span<uint8_t>)` writes in place.
  template <class Fill>
  static Secret Generate(Fill&& fill) {
    Secret secret;
    std::forward<Fill>(fill)(absl::MakeSpan(secret.bytes_));
    return secret;
  }

  Secret(Secret&& other) noexcept : bytes_(other.bytes_) { other.Erase(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      other.Erase();
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { Erase(); }

  // The one way to make a second copy.
  Secret Clone() const {
    Secret copy;
    copy.bytes_ = bytes_;
    return copy;
  }

  // Compare with ConstantTimeEqual(ExposeSecret(a), ExposeSecret(b)).
  friend bool operator==(const Secret&, const Secret&) = delete;
  friend std::ostream& operator<<(std::ostream&, const Secret&) = delete;
  template <class Sink>
  friend void AbslStringify(Sink&, const Secret&) = delete;

 private:
  friend ByteSpan ExposeSecret<Tag, N>(const Secret& secret);
  friend absl::Span<uint8_t> ExposeSecretMutable<Tag, N>(Secret& secret);

  Secret() : bytes_{} {}
  void Erase() { SecureErase(bytes_.data(), N); }

  std::array<uint8_t, N> bytes_;
};

// Secret bytes whose length is known only at run time: an opened ciphertext, a serialised share.
class SecretBuffer {
 public:
  SecretBuffer() = default;
  // All zeros, to be written through ExposeSecretMutable.
  explicit SecretBuffer(size_t size) : bytes_(new uint8_t[size]()), size_(size) {}
  static SecretBuffer CopyOf(ByteSpan bytes) {
    SecretBuffer buffer(bytes.size());
    std::copy(bytes.begin(), bytes.end(), buffer.bytes_.get());
    return buffer;
  }

  SecretBuffer(SecretBuffer&& other) noexcept
      : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}
  SecretBuffer& operator=(SecretBuffer&& other) noexcept {
    if (this != &other) {
      Erase();
      bytes_ = std::move(other.bytes_);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  SecretBuffer(const SecretBuffer&) = delete;
  SecretBuffer& operator=(const SecretBuffer&) = delete;
  ~SecretBuffer() { Erase(); }

  SecretBuffer Clone() const { return CopyOf(ByteSpan(bytes_.get(), size_)); }
  size_t size() const { return size_; }

  friend bool operator==(const SecretBuffer&, const SecretBuffer&) = delete;
  friend std::ostream& operator<<(std::ostream&, const SecretBuffer&) = delete;
  template <class Sink>
  friend void AbslStringify(Sink&, const SecretBuffer&) = delete;

 private:
  friend ByteSpan ExposeSecret(const SecretBuffer& secret);
  friend absl::Span<uint8_t> ExposeSecretMutable(SecretBuffer& secret);

  void Erase() {
    if (size_ != 0) SecureErase(bytes_.get(), size_);
  }

  std::unique_ptr<uint8_t[]> bytes_;
  size_t size_ = 0;
};

template <class Tag, size_t N>
ByteSpan ExposeSecret(const Secret<Tag, N>& secret) {
  return secret.bytes_;
}
template <class Tag, size_t N>
absl::Span<uint8_t> ExposeSecretMutable(Secret<Tag, N>& secret) {
  return absl::MakeSpan(secret.bytes_);
}
inline ByteSpan ExposeSecret(const SecretBuffer& secret) {
  return ByteSpan(secret.bytes_.get(), secret.size_);
}
inline absl::Span<uint8_t> ExposeSecretMutable(SecretBuffer& secret) {
  return absl::Span<uint8_t>(secret.bytes_.get(), secret.size_);
}

// The kinds of secrets.
struct SessionSecretTag {
  static constexpr absl::string_view kName = "session secret";
};
struct SelfMaskSeedTag {
  static constexpr absl::string_view kName = "self mask seed";
};
struct MaskPrivateSeedTag {
  static constexpr absl::string_view kName = "mask private seed";
};
struct MaskSeedTag {
  static constexpr absl::string_view kName = "mask seed";
};
struct ChannelPrivateKeyTag {
  static constexpr absl::string_view kName = "channel private key";
};
struct MaskPrivateKeyTag {
  static constexpr absl::string_view kName = "mask private key";
};
struct ChannelSharedSecretTag {
  static constexpr absl::string_view kName = "channel shared secret";
};
struct MaskSharedSecretTag {
  static constexpr absl::string_view kName = "mask shared secret";
};
struct IdentityPrivateKeyTag {
  static constexpr absl::string_view kName = "identity private key";
};
struct AeadKeyTag {
  static constexpr absl::string_view kName = "AEAD key";
};
struct RandomSeedTag {
  static constexpr absl::string_view kName = "random seed";
};

// One per client and session; all of the client's randomness in that session comes from it.
using SessionSecret = Secret<SessionSecretTag, 32>;
// The paper's b: shared among the neighbours, opened if its owner survives.
using SelfMaskSeed = Secret<SelfMaskSeedTag, 32>;
// The paper's m (s^SK): gives the mask key pair, shared, opened if its owner drops out.
using MaskPrivateSeed = Secret<MaskPrivateSeedTag, 32>;
// What a mask stream is expanded from; crypto/transcript/key_schedule.h has the two ways to one.
using MaskSeed = Secret<MaskSeedTag, 32>;
// The mask seed s_uv that two neighbours agree on. The same kind of thing as the seed of a self
// mask stream: both go into the same generator.
using PairwiseSeed = MaskSeed;
// X25519 private keys and agreed secrets, by the purpose of the key pair.
using ChannelPrivateKey = Secret<ChannelPrivateKeyTag, 32>;
using MaskPrivateKey = Secret<MaskPrivateKeyTag, 32>;
using ChannelSharedSecret = Secret<ChannelSharedSecretTag, 32>;
using MaskSharedSecret = Secret<MaskSharedSecretTag, 32>;
// The Ed25519 seed of RFC 8032 (its "private key").
using IdentityPrivateKey = Secret<IdentityPrivateKeyTag, 32>;
// AES-256-GCM, for one message only (aead.h).
using AeadKey = Secret<AeadKeyTag, 32>;
// Feeds a DeterministicRandom (random.h).
using RandomSeed = Secret<RandomSeedTag, 32>;

}  // namespace veilsum::crypto

#endif  // VEILSUM_CRYPTO_PRIMITIVES_SECRET_H_
