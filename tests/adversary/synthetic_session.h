// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Sessions made from the primitives alone, step by step, right or wrong: what the privacy checker
// is tested on. No core takes part, so nobody refuses anything.
#ifndef VEILSUM_TESTS_ADVERSARY_SYNTHETIC_SESSION_H_
#define VEILSUM_TESTS_ADVERSARY_SYNTHETIC_SESSION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "crypto/primitives/identity.h"
#include "crypto/sharing/shamir.h"
#include "crypto/transcript/transcript.h"
#include "proto/session.pb.h"
#include "tests/adversary/privacy_checker.h"

namespace veilsum::adversary {

// n clients in the order of their positions. The same `seed` gives the same identities and session
// secrets in another session.
class SyntheticSession {
 public:
  SyntheticSession(v1::SessionHeader header, uint32_t clients, uint64_t seed = 1);

  uint32_t size() const { return static_cast<uint32_t>(identities_.size()); }
  const crypto::IdentityPublicKey& identity(uint32_t client) const {
    return identities_[client]->public_key();
  }
  uint32_t threshold() const { return threshold_; }
  ClientView& view(uint32_t client) { return views_[client]; }
  std::vector<ClientView>& views() { return views_; }
  AdversaryKeys& keys() { return keys_; }

  // Its keys are the adversary's; its view is none of the honest ones any more.
  void Corrupt(uint32_t client);
  // Before Share: `to` sees another mask key, of the adversary's making, in the entry of `of`.
  void ReplaceMaskKey(uint32_t to, uint32_t of);

  void Share();  // Everybody.
  // `to` is told that these shared.
  void ShowSharers(uint32_t to, const std::vector<bool>& sharers);
  void Upload(uint32_t from, const std::string& input = "input", uint8_t lanes = 0);
  // All of `holders` reveal their share of b of the survivors and of m of the others among the
  // sharers.
  void Reveal(const std::vector<uint32_t>& holders, const std::vector<bool>& sharers,
              const std::vector<bool>& survivors);

  std::vector<bool> Everybody() const { return std::vector<bool>(size(), true); }
  std::vector<bool> AllBut(const std::vector<uint32_t>& left_out) const;
  std::vector<bool> Only(const std::vector<uint32_t>& clients) const;
  Verdict Judge() const;

 private:
  crypto::Party PartyAt(uint32_t client) const { return {client, identity(client)}; }
  crypto::SessionSecret SecretOf(uint32_t client) const;
  std::vector<crypto::Share> Split(uint32_t dealer, crypto::ShareKind kind) const;
  v1::SignedMessage DealTo(uint32_t dealer) const;
  void Announce();

  v1::SessionHeader header_;
  std::string header_bytes_;
  crypto::Digest header_hash_{};
  crypto::Digest transcript_{};
  uint64_t seed_;
  uint32_t threshold_ = 0;
  std::vector<std::shared_ptr<crypto::IdentityKeyPair>> identities_;
  std::vector<v1::AdvertiseKeysEntry> entries_;
  std::vector<ClientView> views_;
  AdversaryKeys keys_;
};

// A session on the complete graph.
v1::SessionHeader SyntheticHeader(v1::Tier tier, uint32_t clients, uint32_t min_survivors,
                                  double corruption_rate);

}  // namespace veilsum::adversary

#endif  // VEILSUM_TESTS_ADVERSARY_SYNTHETIC_SESSION_H_
