// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Hand-made clients that talk to a SessionProtocol, well or badly, for the tests beside it. They
// sign and share for real; their ciphertexts are the shares in the clear, which the aggregator
// cannot tell, and their uploads are digests only.
#ifndef VEILSUM_AGGREGATOR_PROTOCOL_CONVERSATION_TESTING_H_
#define VEILSUM_AGGREGATOR_PROTOCOL_CONVERSATION_TESTING_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "aggregator/protocol/events.h"
#include "aggregator/protocol/session_protocol.h"
#include "crypto/primitives/identity.h"
#include "crypto/primitives/key_agreement.h"
#include "crypto/primitives/secret.h"
#include "crypto/sharing/shamir.h"
#include "crypto/transcript/transcript.h"
#include "proto/session.pb.h"

namespace veilsum::aggregator {

// Complete graph, γ = δ = 0, n_min = 2, one element, for both audiences.
v1::SessionHeader TestHeader(uint32_t max_clients);
// The same in the malicious tier, γ = 0.1, n_min = 3: one client may be corrupted, t = 3 of 4, 4
// of 5.
v1::SessionHeader MaliciousHeader(uint32_t max_clients);

struct TestClient {
  crypto::IdentityKeyPair identity;
  crypto::ChannelKeyPair channel_keys;
  crypto::MaskPrivateSeed m;
  crypto::MaskKeyPair mask_keys;
  crypto::SelfMaskSeed b;
  // By position of the holder, once the client shared; only places are filled.
  std::vector<std::string> m_shares;
  std::vector<std::string> b_shares;

  const IdentityPublicKey& id() const { return identity.public_key(); }
};

class Conversation {
 public:
  // As many clients as the header has seats, ordered by identity: client i gets position i if all
  // of them take part. Aborts the test if the header is not good.
  explicit Conversation(v1::SessionHeader header, double target_fraction = 1.0);

  // Of this session, for another one like it.
  SessionOptions Options() const;
  SessionProtocol& protocol() { return *protocol_; }
  TestClient& client(uint32_t i) { return clients_[i]; }
  uint32_t size() const { return static_cast<uint32_t>(clients_.size()); }
  // Who may take part; everybody unless changed.
  std::function<bool(const IdentityPublicKey&)> admits;
  // Who is vouched for; everybody unless changed.
  std::function<absl::Status(const IdentityPublicKey&, absl::Span<const uint8_t>)> enrolment;

  // ---- Messages of a client that follows the protocol ----
  v1::AdvertiseKeys Advertisement(uint32_t i) const;
  v1::AdvertiseKeys SignEntry(uint32_t i, const v1::AdvertiseKeysEntry& entry) const;
  v1::AdvertiseKeysEntry Entry(uint32_t i) const;
  v1::ShareKeys ShareKeysBody(uint32_t i);
  v1::ConsistencyCheck ConsistencyCheck(uint32_t i, const std::vector<bool>& survivors) const;
  v1::Unmasking UnmaskingBody(uint32_t i, const std::vector<bool>& survivors);
  v1::SignedMessage SignBody(uint32_t i, crypto::ProtocolRound round, std::string body) const;
  uint64_t UploadBytes() const;
  v1::UploadOpen OpenUpload(uint32_t i, uint64_t total_bytes) const;
  v1::UploadClose CloseUpload(uint32_t i, const Digest& digest) const;
  Digest UploadDigest(uint32_t i) const;

  // ---- Steps; the effects are kept in `effects` and also given back ----
  const Effects& Step(Event event);
  const Effects& Advertise(uint32_t i);
  const Effects& Share(uint32_t i);
  const Effects& ShareBody(uint32_t i, const v1::ShareKeys& body);
  // Opens, completes and folds.
  const Effects& Upload(uint32_t i);
  const Effects& SignSurvivors(uint32_t i, const std::vector<bool>& survivors);
  const Effects& Unmask(uint32_t i, const std::vector<bool>& survivors);
  const Effects& UnmaskBody(uint32_t i, const v1::Unmasking& body);
  const Effects& Withdraw(uint32_t i);
  const Effects& Resume(uint32_t i, v1::Outcome last_outcome);

  // ---- To a phase in which everybody took part so far ----
  void ToShareKeys();
  void ToMaskedInput();
  // Those that survive upload; then the deadline. To ConsistencyCheck in the malicious tier.
  void ToSurvivors(const std::vector<bool>& survivors);
  // In the malicious tier all survivors sign.
  void ToUnmasking(const std::vector<bool>& survivors);

  // ---- What the last step did ----
  // The one reply; fails the test if there is none or more.
  Reply TheReply() const;
  // "REASON of client i": those dropped in the last step, in order.
  std::vector<std::pair<uint32_t, v1::Reason>> Dropped() const;
  std::vector<v1::ServerMessage> SentTo(uint32_t i) const;
  template <class E>
  const E* Find() const {
    for (const Effect& effect : effects) {
      if (const E* found = std::get_if<E>(&effect)) return found;
    }
    return nullptr;
  }

  Effects effects;

 private:
  std::string header_bytes_;
  double target_fraction_;
  std::vector<TestClient> clients_;
  std::optional<SessionProtocol> protocol_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_PROTOCOL_CONVERSATION_TESTING_H_
