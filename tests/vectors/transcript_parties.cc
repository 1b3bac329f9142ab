// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/vectors/transcript_parties.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "aggregator/accumulate/unmask.h"
#include "client_sdk/encoding/encoder.h"
#include "client_sdk/protocol/masked_input.h"
#include "crypto/identities/enrolment.h"
#include "crypto/primitives/transcript_hash.h"

namespace veilsum::vectors {
namespace {

template <class Message>
Message Parse(const std::string& bytes) {
  Message message;
  message.ParseFromString(bytes);
  return message;
}

// The malicious tier's casts have an enrolment authority and a model.
std::optional<crypto::IdentityPublicKey> AuthorityOf(const Json& cast) {
  if (!cast.contains("authority")) return std::nullopt;
  return crypto::IdentityPublicKey::Parse(
             crypto::AsBytes(absl::HexStringToBytes(cast.at("authority").get<std::string>())))
      .value();
}

crypto::Digest DigestOf(const std::string& bytes) {
  crypto::Digest digest{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), digest.size()), digest.begin());
  return digest;
}

}  // namespace

std::string ToHex(const std::string& bytes) { return absl::BytesToHexString(bytes); }
std::string FromHex(const Json& hex) { return absl::HexStringToBytes(hex.get<std::string>()); }

struct Parties::Client {
  Client(crypto::IdentityKeyPair pair, std::vector<float> floats, uint64_t update_weight)
      : identity(std::move(pair)), update(std::move(floats)), weight(update_weight) {}

  const crypto::IdentityKeyPair identity;
  const std::vector<float> update;
  const uint64_t weight;
  std::optional<client::ParticipantProtocol> protocol;
  std::optional<crypto::LaneVector> quantised;
};

Parties::Parties(const Json& cast) {
  const std::string header_bytes = FromHex(cast.at("header"));
  const auto header = Parse<v1::SessionHeader>(header_bytes);
  client::SessionPolicy policy;
  policy.least_tier = header.tier();
  const auto authority = AuthorityOf(cast);
  if (authority.has_value()) {
    policy.identity_root = std::make_shared<const client::IdentityRoot>(
        client::EnrolmentAuthority{header.roster_version(), {*authority}});
  }
  for (const Json& one : cast.at("clients")) {
    const std::string seed = FromHex(one.at("identity_seed"));
    const std::string secret = FromHex(one.at("session_secret"));
    auto client = std::make_unique<Client>(
        crypto::IdentityKeyPair::FromSeed(
            crypto::IdentityPrivateKey::FromBytes(crypto::AsBytes(seed)).value()),
        one.at("update").get<std::vector<float>>(), one.at("weight").get<uint64_t>());
    client::ParticipantOptions options{
        &client->identity, crypto::SessionSecret::FromBytes(crypto::AsBytes(secret)).value(),
        policy, header.task_id()};
    if (cast.contains("model_hash")) options.model_hash = DigestOf(FromHex(cast.at("model_hash")));
    if (authority.has_value()) options.enrolment_signature = FromHex(one.at("enrolment_signature"));
    client->protocol = client::ParticipantProtocol::Create(std::move(options)).value();
    clients_.push_back(std::move(client));
  }
  aggregator::SessionOptions options;
  options.header_bytes = header_bytes;
  options.admits = [](const crypto::IdentityPublicKey&) { return true; };
  if (authority.has_value()) {
    options.enrolment = [authority = *authority, version = header.roster_version()](
                            const crypto::IdentityPublicKey& identity, crypto::ByteSpan signature) {
      return crypto::CheckEnrolment({authority}, identity, version, signature);
    };
  }
  aggregator_ = aggregator::SessionProtocol::Create(std::move(options)).value();
  accumulator_ = aggregator::Accumulator::Create(header.vector().dimension() + 1,
                                                 header.vector().modulus_bits())
                     .value();
}

Parties::~Parties() = default;

const crypto::IdentityKeyPair& Parties::identity(uint32_t client) const {
  return clients_[client]->identity;
}

const crypto::LaneVector& Parties::quantised(uint32_t client) const {
  return clients_[client]->quantised.value();
}

std::string Parties::NameOf(const crypto::IdentityPublicKey& identity) const {
  for (uint32_t client = 0; client < clients(); ++client) {
    if (clients_[client]->identity.public_key() == identity) return absl::StrCat("client ", client);
  }
  return "a stranger";
}

Json Parties::Start() {
  Json emitted = Json::array();
  for (const aggregator::Effect& effect : aggregator_->Start()) {
    if (const auto* started = std::get_if<aggregator::PhaseStarted>(&effect)) {
      phase_ = started->phase;
    }
  }
  for (uint32_t client = 0; client < clients(); ++client) {
    const auto offer = aggregator_->OfferFor(identity(client).public_key()).value();
    emitted.push_back({{"kind", "message"},
                       {"to", absl::StrCat("client ", client)},
                       {"bytes", ToHex(offer->SerializeAsString())}});
  }
  return emitted;
}

Json Parties::Deliver(const Json& step) {
  const std::string party = step.at("party");
  if (party == "aggregator") return DeliverToAggregator(step);
  return DeliverToClient(static_cast<uint32_t>(party.back() - '0'), step);
}

// ---- The aggregator ----

Json Parties::DeliverToAggregator(const Json& step) {
  Json emitted = Json::array();
  const std::string event = step.at("event");
  if (event == "deadline") {
    StepAggregator(aggregator::DeadlinePassed{phase_.value()}, emitted);
    return emitted;
  }
  const uint32_t client = step.at("client");
  if (event == "upload") {
    Upload(client, step, emitted);
    return emitted;
  }
  const auto message = Parse<v1::ClientMessage>(FromHex(step.at("bytes")));
  const crypto::IdentityPublicKey& from = identity(client).public_key();
  if (message.has_advertise_keys()) {
    StepAggregator(aggregator::AdvertiseKeysReceived{from, message.advertise_keys()}, emitted);
  } else if (message.has_share_keys()) {
    StepAggregator(aggregator::ShareKeysReceived{from, message.share_keys()}, emitted);
  } else if (message.has_consistency_check()) {
    StepAggregator(aggregator::ConsistencyCheckReceived{from, message.consistency_check()},
                   emitted);
  } else if (message.has_unmasking()) {
    StepAggregator(aggregator::UnmaskingReceived{from, message.unmasking()}, emitted);
  }
  return emitted;
}

void Parties::Upload(uint32_t client, const Json& step, Json& emitted) {
  const crypto::IdentityPublicKey& from = identity(client).public_key();
  upload_bytes_ = FromHex(step.at("bytes"));
  StepAggregator(aggregator::UploadOpened{from, Parse<v1::UploadOpen>(FromHex(step.at("open")))},
                 emitted);
  if (emitted.back().at("reason") != v1::Reason_Name(v1::REASON_UNSPECIFIED)) return;
  StepAggregator(aggregator::UploadCompleted{from, crypto::Sha256(crypto::AsBytes(upload_bytes_)),
                                             Parse<v1::UploadClose>(FromHex(step.at("close")))},
                 emitted);
}

void Parties::StepAggregator(aggregator::Event event, Json& emitted) {
  for (const aggregator::Effect& effect : aggregator_->Step(std::move(event))) {
    if (const auto* send = std::get_if<aggregator::Send>(&effect)) {
      emitted.push_back({{"kind", "message"},
                         {"to", NameOf(send->to)},
                         {"bytes", ToHex(send->Message()->SerializeAsString())}});
    } else if (const auto* reply = std::get_if<aggregator::Reply>(&effect)) {
      emitted.push_back({{"kind", "reply"},
                         {"to", NameOf(reply->to)},
                         {"reason", v1::Reason_Name(reply->reason)}});
    } else if (const auto* dropped = std::get_if<aggregator::ClientDropped>(&effect)) {
      emitted.push_back({{"kind", "drop"},
                         {"client", NameOf(dropped->who)},
                         {"reason", v1::Reason_Name(dropped->reason)}});
    } else if (const auto* started = std::get_if<aggregator::PhaseStarted>(&effect)) {
      phase_ = started->phase;
    } else if (const auto* fold = std::get_if<aggregator::Fold>(&effect)) {
      const absl::Status status = accumulator_->FoldPacked(crypto::AsBytes(upload_bytes_));
      StepAggregator(aggregator::FoldFinished{fold->from, status}, emitted);
    } else if (const auto* unmask = std::get_if<aggregator::Unmask>(&effect)) {
      auto unmasked =
          aggregator::RunUnmask(*unmask->plan, *accumulator_, aggregator::SerialFor).value();
      packed_sum_ = std::move(unmasked.packed_sum);
      StepAggregator(aggregator::UnmaskFinished{unmasked.outcome}, emitted);
    } else if (const auto* finished = std::get_if<aggregator::Finished>(&effect)) {
      Json included = Json::array();
      for (const auto& identity : finished->included) included.push_back(NameOf(identity));
      emitted.push_back({{"kind", "finish"},
                         {"reason", v1::Reason_Name(finished->reason)},
                         {"included", included}});
    }
  }
}

// ---- Clients ----

Json Parties::DeliverToClient(uint32_t client, const Json& step) {
  Json emitted = Json::array();
  const std::string bytes = FromHex(step.at("bytes"));
  if (step.at("event") == "result") {
    StepClient(client, client::ResultDownloaded{bytes}, emitted);
  } else {
    StepClient(client, client::MessageReceived{Parse<v1::ServerMessage>(bytes)}, emitted);
  }
  return emitted;
}

void Parties::StepClient(uint32_t client, client::Event event, Json& emitted) {
  Client& self = *clients_[client];
  for (client::Effect& effect : self.protocol->Step(std::move(event))) {
    if (const auto* send = std::get_if<client::Send>(&effect)) {
      emitted.push_back({{"kind", "message"},
                         {"to", "aggregator"},
                         {"bytes", ToHex(send->message.SerializeAsString())}});
    } else if (const auto* encode = std::get_if<client::EncodeInput>(&effect)) {
      self.quantised = client::EncodeUpdate(self.update, self.weight, encode->spec,
                                            self.protocol->rounding_seed())
                           .value()
                           .values;
      StepClient(client, client::InputEncoded{client::InputDigest(*self.quantised)}, emitted);
    } else if (const auto* upload = std::get_if<client::StartUpload>(&effect)) {
      emitted.push_back(MakeUpload(client, *upload));
    } else if (const auto* download = std::get_if<client::DownloadResult>(&effect)) {
      emitted.push_back(
          {{"kind", "download"}, {"bytes", ToHex(download->request.SerializeAsString())}});
    } else if (const auto* finished = std::get_if<client::Finished>(&effect)) {
      emitted.push_back({{"kind", "finish"},
                         {"reason", v1::Reason_Name(finished->reason)},
                         {"included", finished->included},
                         {"sum", ToHex(finished->packed_sum)}});
    }
  }
}

// In one chunk. The receipt is not waited for.
Json Parties::MakeUpload(uint32_t client, const client::StartUpload& upload) {
  Client& self = *clients_[client];
  std::string bytes;
  const absl::Status made =
      upload.plan->MaskAndPack(*self.quantised, 0, self.quantised->size(), bytes);
  if (!made.ok()) return {{"kind", "error"}, {"detail", made.ToString()}};
  const auto close = self.protocol->CloseUpload(crypto::Sha256(crypto::AsBytes(bytes))).value();
  return {{"kind", "upload"},
          {"to", "aggregator"},
          {"open", ToHex(upload.open.SerializeAsString())},
          {"bytes", ToHex(bytes)},
          {"close", ToHex(close.SerializeAsString())}};
}

}  // namespace veilsum::vectors
