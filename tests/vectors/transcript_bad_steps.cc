// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Each bad step is a good one with one thing wrong.

#include <functional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/transcript/transcript.h"
#include "tests/vectors/transcript_recording.h"

namespace veilsum::vectors {
namespace {

using ClientMessageBend = std::function<void(v1::ClientMessage&)>;
using ServerMessageBend = std::function<void(v1::ServerMessage&)>;

void FlipBit(std::string& bytes, size_t index) {
  bytes[index] = static_cast<char>(bytes[index] ^ 1);
}

class BadSteps {
 public:
  explicit BadSteps(const Json& transcript) : transcript_(transcript) {}

  // The first message of this kind from this client.
  void FromClient(const std::string& name, uint32_t client, v1::ClientMessage::MessageCase kind,
                  v1::Reason reason, const ClientMessageBend& bend) {
    Bend<v1::ClientMessage>(name, "aggregator", reason, bend, [&](const Json& step, const auto& m) {
      return step.contains("client") && step.at("client") == client && m.message_case() == kind;
    });
  }

  // The first message of this kind to this client.
  void ToClient(const std::string& name, uint32_t client, v1::ServerMessage::MessageCase kind,
                v1::Reason reason, const ServerMessageBend& bend) {
    Bend<v1::ServerMessage>(
        name, absl::StrCat("client ", client), reason, bend,
        [&](const Json&, const v1::ServerMessage& m) { return m.message_case() == kind; });
  }

  // The first step of this event for this party.
  void Step(const std::string& name, const std::string& party, const std::string& event,
            v1::Reason reason, const std::function<void(Json&)>& bend) {
    for (size_t i = 0; i < steps().size(); ++i) {
      if (steps()[i].at("party") != party || steps()[i].at("event") != event) continue;
      Json step = steps()[i];
      step.erase("emits");
      bend(step);
      return Add(name, i, std::move(step), reason);
    }
  }

  // Instead of the step that follows the first one of this kind.
  void AfterMessageTo(const std::string& name, uint32_t client, v1::ServerMessage::MessageCase kind,
                      v1::Reason reason, const ServerMessageBend& bend) {
    ToClient(name, client, kind, reason, bend);
    bad_.back()["after"] = bad_.back()["after"].get<size_t>() + 1;
  }

  std::string Sign(uint32_t client, crypto::ProtocolRound round, const std::string& body) const {
    const std::string t1_bytes = FromHex(transcript_.at("t1"));
    crypto::Digest t1{};
    std::copy(t1_bytes.begin(), t1_bytes.end(), t1.begin());
    const std::string seed =
        FromHex(transcript_.at("cast").at("clients")[client].at("identity_seed"));
    const auto identity = crypto::IdentityKeyPair::FromSeed(
        crypto::IdentityPrivateKey::FromBytes(crypto::AsBytes(seed)).value());
    return crypto::ToString(crypto::Sign(identity, crypto::kLabelMessageSignature,
                                         crypto::MessageSignatureDigest(
                                             t1, round, crypto::Sha256(crypto::AsBytes(body))))
                                .bytes());
  }

  Json Take() { return std::move(bad_); }

 private:
  const Json& steps() const { return transcript_.at("steps"); }

  template <class Message, class Matches>
  void Bend(const std::string& name, const std::string& party, v1::Reason reason,
            const std::function<void(Message&)>& bend, const Matches& matches) {
    for (size_t i = 0; i < steps().size(); ++i) {
      Json step = steps()[i];
      if (step.at("party") != party || step.at("event") != "message") continue;
      Message message;
      message.ParseFromString(FromHex(step.at("bytes")));
      if (!matches(step, message)) continue;
      bend(message);
      step.erase("emits");
      step["bytes"] = ToHex(message.SerializeAsString());
      return Add(name, i, std::move(step), reason);
    }
  }

  void Add(const std::string& name, size_t after, Json step, v1::Reason reason) {
    bad_.push_back({{"name", name},
                    {"after", after},
                    {"step", std::move(step)},
                    {"reason", v1::Reason_Name(reason)}});
  }

  const Json& transcript_;
  Json bad_ = Json::array();
};

void AddBadKeysAndShares(BadSteps& bad) {
  bad.FromClient("bad_entry_flipped_bit", 1, v1::ClientMessage::kAdvertiseKeys,
                 v1::REASON_BAD_SIGNATURE, [](v1::ClientMessage& message) {
                   FlipBit(*message.mutable_advertise_keys()->mutable_entry(), 40);
                 });
  bad.FromClient("bad_entry_too_short", 1, v1::ClientMessage::kAdvertiseKeys, v1::REASON_MALFORMED,
                 [](v1::ClientMessage& message) {
                   message.mutable_advertise_keys()->mutable_entry()->pop_back();
                 });
  bad.FromClient("bad_share_keys_flipped_bit", 0, v1::ClientMessage::kShareKeys,
                 v1::REASON_BAD_SIGNATURE, [](v1::ClientMessage& message) {
                   FlipBit(*message.mutable_share_keys()->mutable_body(), 20);
                 });
  bad.FromClient(
      "bad_share_keys_omitted_holder", 0, v1::ClientMessage::kShareKeys, v1::REASON_BAD_SHARE_LIST,
      [&](v1::ClientMessage& message) {
        v1::SignedMessage& share_keys = *message.mutable_share_keys();
        v1::ShareKeys body;
        body.ParseFromString(share_keys.body());
        body.mutable_shares()->RemoveLast();
        share_keys.set_body(body.SerializeAsString());
        share_keys.set_signature(bad.Sign(0, crypto::ProtocolRound::kShareKeys, share_keys.body()));
      });
}

void AddBadUploadsAndAnswers(BadSteps& bad) {
  bad.Step("bad_upload_flipped_bit", "aggregator", "upload", v1::REASON_BAD_UPLOAD, [](Json& step) {
    std::string bytes = FromHex(step.at("bytes"));
    FlipBit(bytes, 3);
    step["bytes"] = ToHex(bytes);
  });
  bad.Step("bad_upload_of_another_length", "aggregator", "upload", v1::REASON_BAD_SIGNATURE,
           [](Json& step) {
             v1::UploadOpen open;
             open.ParseFromString(FromHex(step.at("open")));
             open.set_total_bytes(open.total_bytes() + 1);
             step["open"] = ToHex(open.SerializeAsString());
           });
  bad.FromClient(
      "bad_unmasking_flipped_bit_of_a_share", 3, v1::ClientMessage::kUnmasking,
      v1::REASON_WRONG_SHARE, [&](v1::ClientMessage& message) {
        v1::SignedMessage& unmasking = *message.mutable_unmasking();
        v1::Unmasking body;
        body.ParseFromString(unmasking.body());
        FlipBit(*body.mutable_shares(0)->mutable_self_mask_share(), 0);
        unmasking.set_body(body.SerializeAsString());
        unmasking.set_signature(bad.Sign(3, crypto::ProtocolRound::kUnmasking, unmasking.body()));
      });
  bad.FromClient(
      "bad_unmasking_self_mask_share_of_the_dropout", 3, v1::ClientMessage::kUnmasking,
      v1::REASON_WRONG_SHARE_KIND, [&](v1::ClientMessage& message) {
        v1::SignedMessage& unmasking = *message.mutable_unmasking();
        v1::Unmasking body;
        body.ParseFromString(unmasking.body());
        v1::RevealedShare& share = *body.mutable_shares(2);
        share.set_self_mask_share(std::string(share.mask_key_share()));
        unmasking.set_body(body.SerializeAsString());
        unmasking.set_signature(bad.Sign(3, crypto::ProtocolRound::kUnmasking, unmasking.body()));
      });
}

void AddBadOffersAndRosters(BadSteps& bad) {
  const auto header = [](const std::function<void(v1::SessionHeader&)>& bend) {
    return [bend](v1::ServerMessage& message) {
      v1::SessionHeader parsed;
      parsed.ParseFromString(message.offer().header());
      bend(parsed);
      message.mutable_offer()->set_header(parsed.SerializeAsString());
    };
  };
  const auto kOffer = v1::ServerMessage::kOffer;
  bad.ToClient("bad_header_wrong_modulus", 0, kOffer, v1::REASON_HEADER_REFUSED,
               header([](v1::SessionHeader& h) { h.mutable_vector()->set_modulus_bits(20); }));
  bad.ToClient("bad_header_malicious_tier", 0, kOffer, v1::REASON_HEADER_REFUSED,
               header([](v1::SessionHeader& h) { h.set_tier(v1::TIER_MALICIOUS); }));
  bad.ToClient("bad_header_one_survivor", 0, kOffer, v1::REASON_HEADER_REFUSED,
               header([](v1::SessionHeader& h) { h.set_min_survivors(1); }));
  const auto kRoster = v1::ServerMessage::kRoster;
  const auto seats = [](v1::ServerMessage& m) {
    return m.mutable_roster()->mutable_roster()->mutable_seats();
  };
  bad.ToClient("bad_roster_order", 1, kRoster, v1::REASON_ROSTER_REFUSED,
               [&](v1::ServerMessage& m) { seats(m)->SwapElements(2, 3); });
  bad.ToClient("bad_roster_without_the_client", 1, kRoster, v1::REASON_ROSTER_REFUSED,
               [&](v1::ServerMessage& m) { seats(m)->DeleteSubrange(1, 1); });
  bad.ToClient("bad_roster_client_twice", 1, kRoster, v1::REASON_ROSTER_REFUSED,
               [&](v1::ServerMessage& m) { *seats(m)->Mutable(2) = seats(m)->Get(1); });
  bad.ToClient("bad_roster_too_few", 1, kRoster, v1::REASON_ROSTER_REFUSED,
               [&](v1::ServerMessage& m) { seats(m)->DeleteSubrange(2, 2); });
  bad.ToClient(
      "bad_roster_other_entry_hash", 1, kRoster, v1::REASON_ROSTER_REFUSED,
      [&](v1::ServerMessage& m) { FlipBit(*seats(m)->Mutable(1)->mutable_entry_hash(), 0); });
}

void AddBadDeliveries(BadSteps& bad) {
  bad.ToClient(
      "bad_neighbour_entry_flipped_bit", 3, v1::ServerMessage::kNeighbours,
      v1::REASON_ROSTER_REFUSED, [](v1::ServerMessage& m) {
        FlipBit(
            *m.mutable_neighbours()->mutable_neighbours(0)->mutable_advertised()->mutable_entry(),
            40);
      });
  bad.ToClient(
      "bad_neighbours_omit_one", 3, v1::ServerMessage::kNeighbours, v1::REASON_ROSTER_REFUSED,
      [](v1::ServerMessage& m) { m.mutable_neighbours()->mutable_neighbours()->RemoveLast(); });
  bad.ToClient("bad_shares_withheld", 0, v1::ServerMessage::kShares, v1::REASON_BAD_SHARE_LIST,
               [](v1::ServerMessage& m) { m.mutable_shares()->mutable_shares()->RemoveLast(); });
  const auto kSurvivors = v1::ServerMessage::kSurvivors;
  const auto show = [](const std::string& bitmap) {
    return [bitmap](v1::ServerMessage& m) { m.mutable_survivors()->set_survivors(bitmap); };
  };
  bad.ToClient("bad_survivors_without_the_client", 0, kSurvivors, v1::REASON_SURVIVORS_REFUSED,
               show("\x0E"));
  bad.ToClient("bad_survivors_too_few", 0, kSurvivors, v1::REASON_SURVIVORS_REFUSED, show("\x03"));
  bad.ToClient("bad_survivors_beyond_the_roster", 0, kSurvivors, v1::REASON_SURVIVORS_REFUSED,
               show("\x1B"));
  bad.AfterMessageTo("bad_survivors_shown_twice", 0, kSurvivors, v1::REASON_SURVIVORS_REFUSED,
                     show("\x0F"));
  bad.ToClient(
      "bad_result_other_survivor_root", 0, v1::ServerMessage::kResult, v1::REASON_RESULT_REFUSED,
      [](v1::ServerMessage& m) { FlipBit(*m.mutable_result()->mutable_survivor_root(), 0); });
  bad.Step("bad_sum_flipped_bit", "client 0", "result", v1::REASON_RESULT_REFUSED, [](Json& step) {
    std::string bytes = FromHex(step.at("bytes"));
    FlipBit(bytes, 0);
    step["bytes"] = ToHex(bytes);
  });
}

}  // namespace

Json RecordBadSteps(const Json& transcript) {
  BadSteps bad(transcript);
  AddBadKeysAndShares(bad);
  AddBadUploadsAndAnswers(bad);
  AddBadOffersAndRosters(bad);
  AddBadDeliveries(bad);
  return {
      {"version", 1},
      {"about",
       "Each step takes the place of step \"after\" of transcript_complete.json. Its party must "
       "answer with \"reason\": an aggregator by its reply, a client by ending the session."},
      {"bad_steps", bad.Take()}};
}

}  // namespace veilsum::vectors
