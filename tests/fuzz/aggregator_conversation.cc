// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The real aggregator's core, with clients of which the input decides what becomes of each of their
// messages: it arrives as it is, bent (and signed anew or not), twice, in another's name, late, or
// not at all. Deadlines, reconnections and withdrawals come when the input says so. An input of
// zeros is an honest run.
//
// What must hold: each message has one reply; deadlines end every session; nobody is blamed for
// another's doing; the sum of a session that completes is that of what its clients put in.
#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "crypto/graph/parameters.h"
#include "crypto/masking/packing.h"
#include "crypto/primitives/labels.h"
#include "crypto/primitives/transcript_hash.h"
#include "crypto/transcript/transcript.h"
#include "proto/vector_arithmetic.h"
#include "tests/adversary/malicious_aggregator.h"
#include "tests/fuzz/bend.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/session_stage.h"

namespace veilsum::fuzz {
namespace {

using crypto::IdentityPublicKey;
using crypto::ProtocolRound;

constexpr uint8_t kOrdinary = 176;
constexpr uint32_t kMostDisturbances = 60;
constexpr uint32_t kMaxWeight = 8;

adversary::Cohort CohortOf(uint8_t choice) {
  adversary::Cohort cohort{.clients = 4, .corrupted = 0, .min_survivors = 3};
  if (choice % 2 == 1) cohort.tier = v1::TIER_SEMI_HONEST;
  if (choice % 4 >= 2) cohort.clients = 5;
  return cohort;
}

v1::SessionHeader HeaderOf(const adversary::Cohort& cohort) {
  v1::SessionHeader header = adversary::HeaderFor(cohort);
  header.mutable_vector()->set_max_weight(kMaxWeight);
  header.mutable_vector()->set_modulus_bits(
      ModulusBits(cohort.clients, kMaxWeight, header.vector().quantisation_bits()).value());
  return header;
}

// Each has the greatest value in every place, so that nothing is rounded, and a weight of its own.
uint64_t WeightOf(uint32_t client) { return uint64_t{1} << client % 4; }

std::vector<std::unique_ptr<adversary::HonestClient>> ClientsOf(const adversary::Cohort& cohort) {
  const auto identities = adversary::IdentitiesOf(cohort);
  client::SessionPolicy policy = adversary::PolicyFor(identities);
  policy.least_tier = cohort.tier;
  std::vector<std::unique_ptr<adversary::HonestClient>> clients;
  for (uint32_t i = 0; i < cohort.clients; ++i) {
    adversary::HonestClient::Options options;
    options.identity = identities[i];
    options.policy = policy;
    options.model_hash = adversary::ModelHash();
    options.seed = 100 + i;
    options.value = 1.0f;
    options.weight = WeightOf(i);
    clients.push_back(std::make_unique<adversary::HonestClient>(std::move(options)));
  }
  return clients;
}

class Play {
 public:
  explicit Play(crypto::ByteSpan data)
      : input_(data),
        cohort_(CohortOf(input_.Byte())),
        header_(HeaderOf(cohort_)),
        stage_(header_, ClientsOf(cohort_)),
        heard_(cohort_.clients) {}

  void Run() {
    stage_.Start();
    while (!stage_.finished().has_value()) {
      if (Pump()) continue;
      MaybeDisturb(0);
      if (!stage_.finished().has_value()) stage_.PassDeadline();
    }
    Pump();  // What is said after the end.
    CheckEnd();
  }

 private:
  const IdentityPublicKey& IdentityOf(uint32_t c) { return stage_.client(c).identity(); }
  uint32_t AnyClient() { return input_.Below(stage_.size()); }

  // Everybody says what it has to say; false if nobody had anything.
  bool Pump() {
    bool said = false;
    for (uint32_t c = 0; c < stage_.size(); ++c) {
      adversary::HonestClient& client = stage_.client(c);
      while (heard_[c] < client.said().size()) {
        said = true;
        const v1::ClientMessage message = client.said()[heard_[c]++];
        said_.push_back(message);
        Deliver(c, message);
      }
      if (!client.upload().empty() && uploaded_.insert(c).second) {
        said = true;
        Upload(c);
      }
    }
    stage_.FinishFolds();
    return said;
  }

  bool Disturbs(uint8_t choice) {
    if (choice < kOrdinary || disturbances_ >= kMostDisturbances) return false;
    ++disturbances_;
    return true;
  }

  void Deliver(uint32_t c, v1::ClientMessage message) {
    while (true) {
      const uint8_t choice = input_.Byte();
      if (!Disturbs(choice)) {
        Arrive(c, message);
        return;
      }
      switch (choice % 12) {
        case 0:
          return;  // Lost.
        case 1: {
          const auto first = Arrive(c, message);
          const auto second = Arrive(c, message);
          Require(first.result != aggregator::MessageResult::kAccepted ||
                      second.result != aggregator::MessageResult::kConflict,
                  "the same bytes are no conflict");
          return;
        }
        case 2:
        case 3:
          bent_.insert(c);
          Bend(input_, message);
          break;
        case 4:
        case 5:
        case 6:
          bent_.insert(c);
          BendAndSign(c, message);
          break;
        case 7: {  // Others of the same client first, then this one.
          bent_.insert(c);
          v1::ClientMessage other = message;
          BendAndSign(c, other);
          Arrive(c, other);
          break;
        }
        case 8: {
          const uint32_t other = AnyClient();
          if (other != c) bent_.insert(other);
          Arrive(other, message);
          break;
        }
        case 9: {
          bent_.insert(c);
          Arrive(c, said_[input_.Below(static_cast<uint32_t>(said_.size()))]);
          break;
        }
        default:
          Disturb(c);
      }
    }
  }

  void MaybeDisturb(uint32_t c) {
    while (Disturbs(input_.Byte())) Disturb(c);
  }

  // What is not about a message.
  void Disturb(uint32_t c) {
    const std::optional<aggregator::Phase> phase = stage_.phase();
    switch (input_.Below(8)) {
      case 0: {
        v1::Withdraw withdraw;
        withdraw.set_reason(static_cast<v1::Reason>(input_.Byte()));
        withdraw.set_detail(input_.Text(input_.Below(10)));
        bent_.insert(c);
        stage_.Step(aggregator::ClientWithdrew{IdentityOf(c), withdraw});
        return;
      }
      case 1:
        stage_.Step(
            aggregator::ClientResumed{IdentityOf(c), static_cast<v1::Outcome>(input_.Below(9))});
        stage_.client(c).Reconnect();
        return;
      case 2:
        if (phase.has_value()) stage_.Step(aggregator::LeastTimePassed{*phase});
        return;
      case 3:
        stage_.Step(aggregator::DeadlinePassed{static_cast<aggregator::Phase>(input_.Below(5))});
        return;
      case 4:
        stage_.FinishFolds();
        return;
      case 5: {
        const auto stranger = crypto::IdentityKeyPair::Generate(
            [&](absl::Span<uint8_t> out) { std::fill(out.begin(), out.end(), input_.Byte()); });
        v1::AdvertiseKeys message;
        message.set_entry(input_.Text(40));
        stage_.Step(aggregator::AdvertiseKeysReceived{stranger.public_key(), message});
        Require(!stage_.protocol().OfferFor(stranger.public_key()).ok(), "no seat for a stranger");
        return;
      }
      case 6:
        (void)stage_.protocol().OfferFor(IdentityOf(c));
        (void)stage_.protocol().HasSeat(IdentityOf(c));
        return;
      default:
        stage_.Step(aggregator::AbortRequested{v1::REASON_ABORTED_BY_OPERATOR, "the input"});
    }
  }

  aggregator::Reply Arrive(uint32_t c, const v1::ClientMessage& message) {
    const aggregator::Reply reply = *stage_.Step(EventOf(IdentityOf(c), message));
    if (message.has_unmasking() && reply.result == aggregator::MessageResult::kAccepted) {
      unmasking_.insert(c);
    }
    return reply;
  }

  // ---- Uploads ----

  void Upload(uint32_t c) {
    v1::UploadOpen open = stage_.client(c).upload_open();
    v1::UploadClose close = stage_.client(c).upload_close();
    std::string bytes = stage_.client(c).upload();
    uint8_t choice = input_.Byte();
    if (!Disturbs(choice)) choice = 255;
    switch (choice % 8) {
      case 0:
        return;
      case 1:
        bent_.insert(c);
        Bend(input_, open);
        break;
      case 2:
        bent_.insert(c);
        Bend(input_, close);
        break;
      case 3:  // Bent, and the client stands by it: its input is another one.
        Bend(input_, bytes);
        close.set_digest(crypto::ToString(crypto::Sha256(crypto::AsBytes(bytes))));
        close.set_signature(SignMessage(c, ProtocolRound::kMaskedInputCollection,
                                        crypto::Sha256(crypto::AsBytes(bytes))));
        if (!Unpacked(bytes).has_value()) bent_.insert(c);
        break;
      case 4:  // Bent on the way.
        bent_.insert(c);
        Bend(input_, bytes);
        break;
      case 5:  // Nobody asked whether it may.
        bent_.insert(c);
        Complete(c, bytes, close);
        break;
      case 6:
        Begin(c, open);
        Complete(c, bytes, close);
        Complete(c, bytes, close);
        break;
      default:
        break;
    }
    Begin(c, open);
    Complete(c, bytes, close);
    MaybeDisturb(c);
  }
  void Begin(uint32_t c, const v1::UploadOpen& open) {
    stage_.Step(aggregator::UploadOpened{IdentityOf(c), open});
  }
  void Complete(uint32_t c, const std::string& bytes, const v1::UploadClose& close) {
    stage_.HoldUpload(c, bytes);
    stage_.Step(
        aggregator::UploadCompleted{IdentityOf(c), crypto::Sha256(crypto::AsBytes(bytes)), close});
  }

  // ---- Clients that stand by what was bent ----

  std::string Sign(uint32_t c, absl::string_view label, const crypto::Digest& digest) {
    return crypto::ToString(crypto::Sign(stage_.client(c).key_pair(), label, digest).bytes());
  }
  std::string SignMessage(uint32_t c, ProtocolRound round, const crypto::Digest& body) {
    const crypto::Digest* transcript = stage_.protocol().transcript();
    if (transcript == nullptr) return "";
    return Sign(c, crypto::kLabelMessageSignature,
                crypto::MessageSignatureDigest(*transcript, round, body));
  }
  template <class Body>
  void BendBody(uint32_t c, ProtocolRound round, v1::SignedMessage& message) {
    Body body;
    if (!body.ParseFromString(message.body())) return;
    Bend(input_, body);
    message.set_body(body.SerializeAsString());
    message.set_signature(SignMessage(c, round, crypto::Sha256(crypto::AsBytes(message.body()))));
  }

  void BendAndSign(uint32_t c, v1::ClientMessage& message) {
    switch (message.message_case()) {
      case v1::ClientMessage::kAdvertiseKeys:
        return BendEntry(c, *message.mutable_advertise_keys());
      case v1::ClientMessage::kShareKeys:
        return BendBody<v1::ShareKeys>(c, ProtocolRound::kShareKeys, *message.mutable_share_keys());
      case v1::ClientMessage::kUnmasking:
        return BendBody<v1::Unmasking>(c, ProtocolRound::kUnmasking, *message.mutable_unmasking());
      default:
        return Bend(input_, message);
    }
  }
  void BendEntry(uint32_t c, v1::AdvertiseKeys& message) {
    v1::AdvertiseKeysEntry entry;
    if (!entry.ParseFromString(message.entry())) return;
    Bend(input_, entry);
    message.set_entry(entry.SerializeAsString());
    const crypto::Digest header_hash =
        crypto::HeaderHash(crypto::AsBytes(header_.SerializeAsString()));
    message.set_signature(
        Sign(c, crypto::kLabelEntrySignature,
             crypto::EntrySignatureDigest(header_hash,
                                          crypto::EntryHash(crypto::AsBytes(message.entry())))));
  }

  // ---- The end ----

  void CheckEnd() {
    const aggregator::Finished& end = *stage_.finished();
    if (end.blamed.has_value()) {
      Require(bent_.count(stage_.ClientOf(*end.blamed)) > 0 ||
                  (end.reason == v1::REASON_BELOW_THRESHOLD && MoreHoldersBentThanMayBe()),
              "nobody is blamed for nothing");
    }
    for (const auto& [client, reason] : stage_.dropped()) {
      if (bent_.count(client) > 0) continue;
      Require(reason == v1::REASON_NO_ANSWER || reason == v1::REASON_TOO_FEW_NEIGHBOURS ||
                  reason == v1::REASON_WITHDREW || reason >= v1::REASON_TOO_FEW_CLIENTS,
              absl::StrCat("nobody is dropped for nothing: ", v1::Reason_Name(reason)));
    }
    if (disturbances_ == 0) {
      Require(end.reason == v1::REASON_UNSPECIFIED && end.included.size() == stage_.size(),
              absl::StrCat("an honest run completes: ", end.detail));
    }
    if (end.reason == v1::REASON_UNSPECIFIED) CheckSum(end.included);
  }

  // Then they can leave out an honest dealer's shares, and the session's rates no longer say who is
  // at fault. All rosters here are small enough for the bound to be that of the smallest.
  bool MoreHoldersBentThanMayBe() const {
    const auto bent = std::count_if(unmasking_.begin(), unmasking_.end(),
                                    [&](uint32_t c) { return bent_.count(c) > 0; });
    return bent > std::max<int64_t>(
                      1, crypto::FloorOfRate(header_.corruption_rate(), header_.min_survivors()));
  }

  // What was put in: everybody's input, and what a client changed of its own upload.
  void CheckSum(const std::vector<IdentityPublicKey>& included) {
    Require(included.size() >= header_.min_survivors(), "a sum is of enough inputs");
    const size_t elements = header_.vector().dimension() + 1;
    const uint64_t level = (uint64_t{1} << header_.vector().quantisation_bits()) - 1;
    std::vector<uint64_t> sum(elements);
    for (const IdentityPublicKey& identity : included) {
      const uint32_t c = stage_.ClientOf(identity);
      Require(c < stage_.size() && stage_.folded().count(c) > 0, "who is in the sum has uploaded");
      // Whose keys or shares were bent has no input that anybody could name.
      if (bent_.count(c) > 0) return;
      const auto sent = Unpacked(stage_.folded().at(c));
      const auto meant = Unpacked(stage_.client(c).upload());
      Require(sent.has_value() && meant.has_value(), "what is in the sum can be unpacked");
      for (size_t i = 0; i < elements; ++i) {
        sum[i] += WeightOf(c) * (i + 1 < elements ? level : 1) + (*sent)[i] - (*meant)[i];
      }
    }
    Require(stage_.folded().size() == included.size(), "nothing else is in the sum");
    std::vector<uint8_t> packed(PackedBytes(header_.vector()));
    Require(
        crypto::Pack<uint64_t>(sum, header_.vector().modulus_bits(), absl::MakeSpan(packed)).ok(),
        "sums can be packed");
    Require(stage_.packed_sum() == crypto::ToString(packed), "the sum is exact");
  }
  std::optional<std::vector<uint64_t>> Unpacked(const std::string& packed) const {
    std::vector<uint64_t> elements(header_.vector().dimension() + 1);
    const absl::Status status = crypto::Unpack<uint64_t>(
        crypto::AsBytes(packed), header_.vector().modulus_bits(), absl::MakeSpan(elements));
    if (!status.ok()) return std::nullopt;
    return elements;
  }

  Input input_;
  const adversary::Cohort cohort_;
  const v1::SessionHeader header_;
  SessionStage stage_;
  std::vector<size_t> heard_;
  std::vector<v1::ClientMessage> said_;
  std::set<uint32_t> uploaded_;
  std::set<uint32_t> bent_;       // Whose messages did not all arrive as they were said.
  std::set<uint32_t> unmasking_;  // Whose answer in that round was accepted.
  uint32_t disturbances_ = 0;
};

}  // namespace

void FuzzOne(crypto::ByteSpan data) { Play(data).Run(); }

}  // namespace veilsum::fuzz
