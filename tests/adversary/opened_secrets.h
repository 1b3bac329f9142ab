// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Which secrets of honest clients the adversary can put together: every share that it holds is
// checked against its dealer's digest, and t of them are reconstructed for real.
#ifndef VEILSUM_TESTS_ADVERSARY_OPENED_SECRETS_H_
#define VEILSUM_TESTS_ADVERSARY_OPENED_SECRETS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "crypto/sharing/shamir.h"
#include "tests/adversary/privacy_checker.h"
#include "tests/adversary/sight.h"

namespace veilsum::adversary {

// The sights outlive it.
class OpenedSecrets {
 public:
  OpenedSecrets(const AdversaryKeys& keys, const std::vector<Sight>& sights);

  bool KnowsSelfMask(const crypto::IdentityPublicKey& owner, const std::string& commitment) const {
    return self_masks_.count({owner, commitment}) > 0;
  }
  bool KnowsMaskKey(const std::string& public_key) const;

  const std::set<crypto::IdentityPublicKey>& owners_of_b() const { return owners_of_b_; }
  const std::set<crypto::IdentityPublicKey>& owners_of_m() const { return owners_of_m_; }
  // Dealers whose t shares do not give what their entry promised.
  const std::set<crypto::IdentityPublicKey>& inconsistent() const { return inconsistent_; }

 private:
  // Of one dealer in one session: of b, or of m.
  using SecretName = std::tuple<crypto::Digest, crypto::IdentityPublicKey, bool>;
  using SharesByX = std::map<uint32_t, crypto::Share>;
  // What a dealer announced for its holders, by position.
  struct Announced {
    const Sight* dealer = nullptr;
    std::map<uint32_t, std::set<std::string>> digests;
  };

  void TakeDealt(const Sight& dealer);
  void Decrypt(const Sight& dealer, const v1::SealedShares& sealed);
  void TakeDecrypted(const Sight& dealer, const v1::SealedShares& sealed,
                     const crypto::ChannelSharedSecret& agreed);
  void TakeRevealed(const Sight& holder);
  // If it is what the dealer announced for this holder.
  void TakeShare(const SecretName& secret, uint32_t holder, const std::string& bytes);
  bool Open(const Sight& dealer, bool of_b, const SharesByX& shares);
  bool OpenB(const Sight& dealer, const crypto::LagrangeCoefficients& coefficients,
             const std::vector<crypto::Share>& shares);
  bool OpenM(const Sight& dealer, const crypto::LagrangeCoefficients& coefficients,
             const std::vector<crypto::Share>& shares);

  const AdversaryKeys& keys_;
  std::map<SecretName, Announced> announced_;
  std::map<SecretName, SharesByX> shares_;
  std::set<std::pair<crypto::IdentityPublicKey, std::string>> self_masks_;
  std::set<crypto::MaskPublicKey> mask_keys_;
  std::set<crypto::IdentityPublicKey> owners_of_b_;
  std::set<crypto::IdentityPublicKey> owners_of_m_;
  std::set<crypto::IdentityPublicKey> inconsistent_;
};

}  // namespace veilsum::adversary

#endif  // VEILSUM_TESTS_ADVERSARY_OPENED_SECRETS_H_
