// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Could whoever plays the aggregator, with the clients under its control, work out more of honest
// inputs than it was promised? Judged from everything that honest clients let go of in a run.
//
//   what clients were shown and said ─► secrets with t shares ─► masks that are known ─► linear
//   algebra over all masked uploads ─► combinations of honest inputs ─► fewer than n_min − A?
//
// It models
//   * every share that was revealed or that a corrupted client (or a key of the aggregator's own
//     making) can decrypt, checked against its dealer's digest and put together for real;
//   * each mask as one unknown, named by T1 and both ends' keys *as the uploader saw them*, so that
//     equivocated rosters, replaced keys and reused masks show;
//   * any linear combination of any uploads, repeated ones and those of several sessions too.
// It does not model
//   * a break of a primitive: a mask whose seed is not known is an unknown, two of them are
//     independent, a digest or commitment tells nothing;
//   * what a sum itself tells (membership, differences of sums with different inputs), and that
//     two roundings of one input differ: one input of a caller's is one unknown;
//   * combinations that are not linear, or that use that a mask is below 2^B. The algebra is over
//     GF(2^61 − 1) instead of Z_{2^B}: coefficients of masks are 0, 1 and −1, and a mask is in at
//     most two clients' uploads, with opposite signs; such matrices have the same kernel modulo
//     any number.
#ifndef VEILSUM_TESTS_ADVERSARY_PRIVACY_CHECKER_H_
#define VEILSUM_TESTS_ADVERSARY_PRIVACY_CHECKER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "crypto/primitives/bytes.h"
#include "crypto/primitives/identity.h"
#include "crypto/primitives/key_agreement.h"
#include "crypto/primitives/secret.h"
#include "proto/participant.pb.h"
#include "proto/rounds.pb.h"

namespace veilsum::adversary {

// What one client took in and let go of in one session. Everything that left it counts as received.
// Plain data; the first of each kind of message counts, as it does for a client.
struct ClientView {
  explicit ClientView(crypto::IdentityPublicKey of) : identity(of) {}

  void Shown(const v1::ServerMessage& message);
  void Said(const v1::ClientMessage& message);
  // The masked input left, masked with the neighbours in the U2 that was shown. `input` names what
  // the caller passed, `lanes` is the digest of what was masked.
  void Uploaded(std::string input, const crypto::Digest& lanes);
  // Of a client whose state was put back to where it had just this outcome; it has said nothing.
  ClientView RestoredTo(v1::Outcome last_outcome) const;

  struct Upload {
    std::string input;
    crypto::Digest lanes;
  };

  crypto::IdentityPublicKey identity;
  // Shown.
  std::string header;  // Bytes; empty: no offer.
  std::optional<v1::Roster> roster;
  std::map<uint32_t, v1::AdvertiseKeysEntry> neighbours;  // By position.
  std::string sharers;                                    // U2, a bitmap; empty: not shown.
  // Said.
  std::optional<v1::AdvertiseKeysEntry> entry;
  std::vector<v1::ShareKeys> dealt;
  std::vector<Upload> uploads;
  std::vector<v1::Unmasking> revealed;
};

// The keys that the adversary holds. Move-only.
struct AdversaryKeys {
  // A corrupted client in the session of this header: its channel and its mask key.
  void AddClient(const crypto::IdentityPublicKey& identity, const crypto::SessionSecret& secret,
                 const std::string& header);
  // Made up by the aggregator, to stand in somebody's entry.
  void Add(const crypto::ChannelKeyPair& pair);
  void Add(const crypto::MaskKeyPair& pair);

  std::set<crypto::IdentityPublicKey> corrupted;
  std::map<crypto::ChannelPublicKey, crypto::ChannelPrivateKey> channel;
  std::map<crypto::MaskPublicKey, crypto::MaskPrivateKey> mask;
};

// A combination of inputs that the adversary can compute and was not to.
struct Leak {
  std::set<crypto::IdentityPublicKey> clients;  // Whose inputs are in it.
  uint32_t promised = 0;                        // So many were to be, at least.
};

struct Verdict {
  std::optional<Leak> leak;
  // Whose b and m the adversary put together.
  std::set<crypto::IdentityPublicKey> opened_b;
  std::set<crypto::IdentityPublicKey> opened_m;
  // Independent combinations of inputs that it can compute; 1 for a sum.
  uint32_t combinations = 0;
  // Dealers with t valid shares that do not give what their entry promised: liars, or else this
  // checker does not know how secrets are shared.
  std::set<crypto::IdentityPublicKey> inconsistent;

  bool safe() const { return !leak.has_value(); }
  // For a test's message.
  std::string Describe() const;
};

// `views` are of clients that are not corrupted, or have given only some of their secrets away:
// the inputs of those in keys.corrupted are known then, and no loss. Those in `careless` break the
// protocol in ways of their own: they count as parties to a sum, but what is found out about them
// alone is no leak.
Verdict Judge(const std::vector<ClientView>& views, const AdversaryKeys& keys,
              const std::set<crypto::IdentityPublicKey>& careless = {});

}  // namespace veilsum::adversary

#endif  // VEILSUM_TESTS_ADVERSARY_PRIVACY_CHECKER_H_
