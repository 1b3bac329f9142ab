// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Real clients against an aggregator that does what the input says. It begins as a session like any
// other; each byte decides about one message to one client: as it should be, bent, lost, twice,
// somebody else's, an older one, or something else altogether. An input of zeros is an honest run.
//
// What must hold: a client says one thing in each round, whatever it is told and however often it
// starts again; nobody learns more than was promised (privacy_checker.h), in the tier that promises
// it; an honest aggregator gets its answers.
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/transcript/bitmap.h"
#include "crypto/transcript/transcript.h"
#include "proto/participant.pb.h"
#include "proto/vector_arithmetic.h"
#include "tests/adversary/honest_client.h"
#include "tests/adversary/malicious_aggregator.h"
#include "tests/fuzz/bend.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/input.h"

namespace veilsum::fuzz {
namespace {

using adversary::MaliciousAggregator;
using Set = MaliciousAggregator::Set;
using Kind = v1::ClientMessage::MessageCase;

adversary::Cohort CohortOf(uint8_t choice) {
  adversary::Cohort cohort{.clients = 5, .corrupted = 1, .min_survivors = 4};
  if (choice % 2 == 0) return cohort;
  cohort.tier = v1::TIER_SEMI_HONEST;
  cohort.clients = 4;
  cohort.min_survivors = 3;
  return cohort;
}

// Below this, a byte means: as it should be.
constexpr uint8_t kOrdinary = 176;
// However long the input is.
constexpr uint32_t kMostDisturbances = 60;

class Play {
 public:
  explicit Play(crypto::ByteSpan data)
      : input_(data),
        malicious_(data.empty() || data[0] % 2 == 0),
        aggregator_(CohortOf(input_.Byte())),
        observed_(aggregator_.size()) {
    aggregator_.header.set_audience(v1::AUDIENCE_BOTH);
  }

  void Run() {
    PlaySession();
    if (malicious_) {
      const adversary::Verdict verdict = aggregator_.Judge();
      if (!verdict.safe()) Require(false, verdict.Describe());
    }
    if (disturbances_ > 0) return;
    for (uint32_t client = 0; client < aggregator_.size(); ++client) {
      Require(
          aggregator_.client(client).ended() && aggregator_.client(client).end().ok(),
          absl::StrCat("an honest run ends well: ", aggregator_.client(client).end().message()));
    }
  }

 private:
  // All that one client has said, over all its restarts: of each kind one message.
  struct Observed {
    size_t heard = 0;
    std::map<Kind, std::string> said;
    std::optional<v1::Unmasking> unmasking;
  };

  void PlaySession() {
    const uint32_t clients = aggregator_.size();
    aggregator_.seats.resize(clients);
    for (uint32_t c = 0; c < clients; ++c) {
      Say(c, aggregator_.Offer());
      // A client that has not advertised anything sits there with nothing.
      if (const auto* said = aggregator_.client(c).Last(v1::ClientMessage::kAdvertiseKeys)) {
        aggregator_.seats[c] = said->advertise_keys();
      }
      if (malicious_ && aggregator_.corrupted(c)) {
        aggregator_.keys().AddClient(aggregator_.client(c).identity(),
                                     aggregator_.client(c).session_secret(),
                                     aggregator_.header.SerializeAsString());
      }
    }
    Say([this](uint32_t) { return aggregator_.Roster(); });
    Say([this](uint32_t c) { return aggregator_.Neighbours(c); });
    const Set sharers = Dealers(Members());
    Say([&](uint32_t c) { return aggregator_.Shares(c, sharers); });
    // One survivor set, or two.
    const Set survivors[] = {Members(), Members()};
    const uint8_t second = input_.Byte() < kOrdinary ? 0 : input_.Byte();
    const auto shown_to = [&](uint32_t c) -> const Set& { return survivors[second >> c & 1]; };
    if (second != 0) ++disturbances_;
    Say([&](uint32_t c) { return aggregator_.Survivors(shown_to(c)); });
    if (malicious_) {
      Say([&](uint32_t c) {
        SignAsCorrupted(shown_to(c));
        return aggregator_.Signatures(aggregator_.Everybody());
      });
    }
    const std::string packed(PackedBytes(aggregator_.header.vector()), '\0');
    Say([&](uint32_t c) { return Result(shown_to(c), packed); });
    for (uint32_t c = 0; c < clients; ++c) {
      Do(c, [&] { aggregator_.client(c).Take(client::ResultDownloaded{packed}); });
    }
  }

  Set Members() {
    Set members = aggregator_.Everybody();
    const uint8_t choice = input_.Byte();
    if (choice < kOrdinary) return members;
    ++disturbances_;
    members.erase(choice % aggregator_.size());
    if (choice % 2 == 1) members.erase(input_.Below(aggregator_.size()));
    return members;
  }
  Set Dealers(Set members) const {
    for (uint32_t c = 0; c < aggregator_.size(); ++c) {
      const auto shared = aggregator_.shared.find(c);
      // Somebody who saw another roster has other places.
      if (shared == aggregator_.shared.end() ||
          shared->second.shares_size() != static_cast<int>(aggregator_.size())) {
        members.erase(c);
      }
    }
    return members;
  }

  v1::ServerMessage Result(const Set& survivors, const std::string& packed) const {
    v1::ServerMessage message;
    std::vector<bool> members(aggregator_.size());
    for (const uint32_t survivor : survivors) members[survivor] = true;
    v1::SessionResult& result = *message.mutable_result();
    result.set_included(static_cast<uint32_t>(survivors.size()));
    result.set_survivor_root(crypto::ToString(crypto::SurvivorRoot(
        aggregator_.Transcript(), crypto::AsBytes(crypto::EncodeBitmap(members)))));
    result.set_result_digest(crypto::ToString(crypto::Sha256(crypto::AsBytes(packed))));
    result.set_total_bytes(packed.size());
    return message;
  }

  template <class Make>
  void Say(const Make& make) {
    for (uint32_t c = 0; c < aggregator_.size(); ++c) Say(c, make(c));
  }

  // One message, or what the input makes of it.
  void Say(uint32_t c, v1::ServerMessage message) {
    history_.push_back(message);
    while (true) {
      const uint8_t choice = input_.Byte();
      if (choice < kOrdinary || disturbances_ >= kMostDisturbances) return Tell(c, message);
      ++disturbances_;
      if (Disturb(c, choice, message)) return;
    }
  }

  // True: that was all; the message itself is lost.
  bool Disturb(uint32_t c, uint8_t choice, v1::ServerMessage& message) {
    adversary::HonestClient& client = aggregator_.client(c);
    switch (choice % 20) {
      case 0:
        return true;
      case 1:  // Once more, later.
        Tell(c, message);
        return false;
      case 2:
      case 3:
        Bend(input_, message);
        return false;
      case 4: {
        v1::ServerMessage bent = message;
        Bend(input_, bent);
        Tell(c, bent);
        return false;
      }
      case 5:
        BendHeader(message);
        return false;
      case 6:
        BendEntry(message);
        return false;
      case 7: {
        std::string bytes = message.SerializeAsString();
        Bend(input_, bytes);
        v1::ServerMessage bent;
        if (bent.ParseFromString(bytes)) Tell(c, bent);
        return false;
      }
      case 8:
      case 9:
        Tell(c, history_[input_.Below(static_cast<uint32_t>(history_.size()))]);
        return false;
      case 10:
        Do(c, [&] { client.Reconnect(); });
        return false;
      case 11:
        Tell(c, MaliciousAggregator::Accepted(static_cast<v1::Round>(input_.Below(7))));
        return false;
      case 12:
        Restart(c);
        return false;
      case 13:
        Tell(c, aggregator_.Survivors(Members()));
        return false;
      case 14:
        Tell(c, aggregator_.Shares(c, Dealers(Members())));
        return false;
      case 15: {
        const Set some = Members();
        SignAsCorrupted(some);
        Tell(c, aggregator_.Signatures(some));
        return false;
      }
      case 16: {
        v1::ServerMessage refused;
        refused.mutable_refused()->set_scope(static_cast<v1::Refused::Scope>(input_.Below(5)));
        refused.mutable_refused()->set_reason(static_cast<v1::Reason>(input_.Byte()));
        refused.mutable_refused()->set_round(static_cast<v1::Round>(input_.Below(7)));
        refused.mutable_refused()->set_retry_after_ms(input_.Byte());
        Tell(c, refused);
        return false;
      }
      default:
        Do(c, [&] { TakeEvent(client); });
        return false;
    }
  }

  void SignAsCorrupted(const Set& survivors) {
    for (uint32_t c = 0; c < aggregator_.size(); ++c) {
      if (aggregator_.corrupted(c)) aggregator_.signatures[c] = aggregator_.SignAs(c, survivors);
    }
  }

  void TakeEvent(adversary::HonestClient& client) {
    switch (input_.Below(6)) {
      case 0: {
        v1::UploadReceipt receipt;
        receipt.set_digest(crypto::ToString(crypto::Sha256(crypto::AsBytes(client.upload()))));
        if (input_.Byte() != 0) Bend(input_, receipt);
        return client.Take(client::UploadAcknowledged{receipt});
      }
      case 1:
        return client.RefuseUpload(static_cast<v1::Reason>(input_.Byte()));
      case 2:
        return client.Take(client::ResultDownloaded{input_.Text(input_.Below(20))});
      case 3:
        return client.Take(
            client::DownloadRefused{static_cast<v1::Reason>(input_.Byte()), "the input says so"});
      case 4: {
        crypto::Digest other{};
        other[0] = input_.Byte();
        return client.Take(client::InputEncoded{other});
      }
      default:
        return client.Take(client::CancelRequested{});
    }
  }

  // The header inside an offer.
  void BendHeader(v1::ServerMessage& message) {
    if (!message.has_offer()) return;
    v1::SessionHeader header;
    if (!header.ParseFromString(message.offer().header())) return;
    Bend(input_, header);
    message.mutable_offer()->set_header(header.SerializeAsString());
  }

  // One of the entries that a client sees.
  void BendEntry(v1::ServerMessage& message) {
    if (!message.has_neighbours() || message.neighbours().neighbours().empty()) return;
    const int which = static_cast<int>(
        input_.Below(static_cast<uint32_t>(message.neighbours().neighbours_size())));
    v1::AdvertiseKeys& advertised =
        *message.mutable_neighbours()->mutable_neighbours(which)->mutable_advertised();
    v1::AdvertiseKeysEntry entry;
    if (!entry.ParseFromString(advertised.entry())) return;
    Bend(input_, entry);
    advertised.set_entry(entry.SerializeAsString());
  }

  void Tell(uint32_t c, const v1::ServerMessage& message) {
    Do(c, [&] { aggregator_.client(c).Hear(message); });
  }
  template <class Act>
  void Do(uint32_t c, const Act& act) {
    act();
    Observe(c);
  }
  void Restart(uint32_t c) {
    // With the end the journal is erased; and the privacy checker, which takes a client to go by
    // the first message of a kind that it was shown, would not know of one that was refused.
    if (aggregator_.client(c).ended()) return;
    Require(aggregator_.client(c).Restart(), "a client goes on from its own journal");
    observed_[c].heard = 0;
    Observe(c);
  }

  // Takes in what a client has said since, and holds it against what it said before.
  void Observe(uint32_t c) {
    Observed& observed = observed_[c];
    const std::vector<v1::ClientMessage>& said = aggregator_.client(c).said();
    for (; observed.heard < said.size(); ++observed.heard) {
      const v1::ClientMessage& message = said[observed.heard];
      const Kind kind = message.message_case();
      if (kind == v1::ClientMessage::kWithdraw) continue;
      const std::string bytes = message.SerializeAsString();
      const auto [first, is_new] = observed.said.emplace(kind, bytes);
      Require(is_new || first->second == bytes, "a client says one thing in each round");
      if (is_new && kind == v1::ClientMessage::kUnmasking) CheckUnmasking(c, message.unmasking());
    }
    Require(aggregator_.client(c).uploads().size() <= 1, "a client masks one input");
    aggregator_.Listen(c);
  }

  void CheckUnmasking(uint32_t c, const v1::SignedMessage& message) const {
    v1::Unmasking body;
    Require(body.ParseFromString(message.body()), "an Unmasking body");
    int64_t last = -1;
    for (const v1::RevealedShare& share : body.shares()) {
      Require(share.owner() > last, "one share of each client");
      last = share.owner();
    }
    Require(!malicious_ || observed_[c].said.count(v1::ClientMessage::kConsistencyCheck) > 0,
            "nothing is opened before the survivors are signed");
  }

  Input input_;
  const bool malicious_;
  MaliciousAggregator aggregator_;
  std::vector<Observed> observed_;
  std::vector<v1::ServerMessage> history_;
  uint32_t disturbances_ = 0;
};

}  // namespace

void FuzzOne(crypto::ByteSpan data) { Play(data).Run(); }

}  // namespace veilsum::fuzz
