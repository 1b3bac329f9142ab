// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// An aggregator under the adversary's control: it can say anything to anybody. What an honest one
// would say is there to be sent on, or bent first; it checks nothing and forgets nothing.
#ifndef VEILSUM_TESTS_ADVERSARY_MALICIOUS_AGGREGATOR_H_
#define VEILSUM_TESTS_ADVERSARY_MALICIOUS_AGGREGATOR_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "proto/session.pb.h"
#include "tests/adversary/honest_client.h"

namespace veilsum::adversary {

// n clients by position, of whom the last `corrupted` hand their secrets to the aggregator; they
// run honest code, which is no restriction: it makes the messages that honest clients believe.
struct Cohort {
  uint32_t clients = 6;
  uint32_t corrupted = 1;
  uint32_t min_survivors = 4;
  double corruption_rate = 0.2;
  uint64_t seed = 1;
  v1::Tier tier = v1::TIER_MALICIOUS;
};

// Signs an Unmasking body in the name of a client whose key the adversary has, in the session that
// the view is of.
v1::SignedMessage SignUnmasking(const crypto::IdentityKeyPair& key, const ClientView& view,
                                const v1::Unmasking& body);

class MaliciousAggregator {
 public:
  using Set = std::set<uint32_t>;  // Of positions.

  explicit MaliciousAggregator(const Cohort& cohort);

  uint32_t size() const { return static_cast<uint32_t>(clients_.size()); }
  uint32_t threshold() const;
  HonestClient& client(uint32_t position) { return *clients_[position]; }
  bool corrupted(uint32_t position) const { return position >= honest_; }
  Set Everybody() const;
  Set Honest() const;
  Set AllBut(const Set& left_out) const;

  // ---- What an honest aggregator would say ----

  // The header of the session; may be changed before it is offered.
  v1::SessionHeader header;
  v1::ServerMessage Offer() const { return OfferOf(header); }
  static v1::ServerMessage OfferOf(const v1::SessionHeader& header);
  v1::ServerMessage Roster() const;
  v1::ServerMessage Neighbours(uint32_t to) const;
  v1::ServerMessage Shares(uint32_t to, const Set& sharers) const;
  v1::ServerMessage Survivors(const Set& survivors) const;
  // A corrupted client's signature of this set, whatever it signed before.
  std::string SignAs(uint32_t corrupted, const Set& survivors) const;
  // Those that were given for any survivor set, by these clients, of the latest they signed.
  v1::ServerMessage Signatures(const Set& signers) const;
  static v1::ServerMessage Accepted(v1::Round round);
  static v1::ServerMessage Aborted();
  // T1 of the seats as they are.
  crypto::Digest Transcript() const;

  // ---- Whole rounds, said to these clients; what they answer is taken in ----

  void OfferTo(const Set& to);
  void AnnounceTo(const Set& to);  // Roster and entries.
  void DeliverTo(const Set& to, const Set& sharers);
  void ShowSurvivorsTo(const Set& to, const Set& survivors);
  void PassSignaturesTo(const Set& to, const Set& signers);
  // From the offer to the uploads, all honest.
  void PlayUntilUploads();
  // From the next session's offer: the same clients with fresh secrets.
  void BeginSession();
  // Takes in whatever this client has said lately.
  void Listen(uint32_t from);

  // Seats as announced; may be changed before.
  std::vector<v1::AdvertiseKeys> seats;
  // The last ShareKeys body of each, and its signature of a survivor set.
  std::map<uint32_t, v1::ShareKeys> shared;
  std::map<uint32_t, std::string> signatures;

  // What it could find out, from everything that honest clients ever let go of.
  Verdict Judge() const;
  // Keys that the aggregator made up.
  AdversaryKeys& keys() { return keys_; }

 private:
  const uint32_t honest_;
  std::vector<std::unique_ptr<HonestClient>> clients_;
  AdversaryKeys keys_;
};

v1::SessionHeader HeaderFor(const Cohort& cohort);
// The identities of a cohort, ascending: what its clients' roster file names.
std::vector<std::shared_ptr<const crypto::IdentityKeyPair>> IdentitiesOf(const Cohort& cohort);
crypto::Digest ModelHash(uint8_t model = 1);
// What clients of these tests insist on: their roster file, and the model.
client::SessionPolicy PolicyFor(
    const std::vector<std::shared_ptr<const crypto::IdentityKeyPair>>& identities);

}  // namespace veilsum::adversary

#endif  // VEILSUM_TESTS_ADVERSARY_MALICIOUS_AGGREGATOR_H_
