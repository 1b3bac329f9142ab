// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/adversary/honest_client.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "client_sdk/encoding/encoder.h"
#include "client_sdk/protocol/masked_input.h"
#include "crypto/primitives/random.h"
#include "crypto/primitives/transcript_hash.h"
#include "proto/journal.pb.h"
#include "proto/reason_status.h"

namespace veilsum::adversary {

HonestClient::HonestClient(Options options)
    : options_(std::move(options)), view_(options_.identity->public_key()) {
  BeginSession();
}

// ---- Its machine ----

crypto::SessionSecret HonestClient::session_secret() const {
  return crypto::SessionSecret::Generate([&](absl::Span<uint8_t> out) {
    crypto::DeterministicRandom(crypto::EncodeU64(options_.seed), absl::StrCat("session", session_))
        .Fill(out);
  });
}

client::ParticipantOptions HonestClient::MakeOptions() const {
  client::ParticipantOptions options{options_.identity.get(), session_secret()};
  options.policy = options_.policy;
  options.task_id = kTaskId;
  options.model_hash = options_.model_hash;
  options.enrolment_signature = options_.enrolment_signature;
  options.journal = journal_;
  options.answered = [this](const crypto::Digest& model) { return answered_.count(model) > 0; };
  return options;
}

void HonestClient::BeginSession() {
  if (protocol_.has_value()) past_.push_back(view_);
  ++session_;
  view_ = ClientView(identity());
  journal_.clear();
  said_.clear();
  upload_.clear();
  ended_ = false;
  end_ = absl::OkStatus();
  protocol_.emplace(client::ParticipantProtocol::Create(MakeOptions()).value());
}

bool HonestClient::RestoreJournal(size_t entries) {
  const bool old_copy = entries < journal_.size();
  journal_.resize(entries);
  said_.clear();
  upload_.clear();
  auto restored = client::ParticipantProtocol::Create(MakeOptions());
  if (!restored.ok()) {
    end_ = restored.status();
    ended_ = true;
    return false;
  }
  protocol_.emplace(*std::move(restored));
  if (old_copy) {
    past_.push_back(view_);
    view_ = view_.RestoredTo(protocol_->last_outcome());
  }
  ended_ = false;
  Carry(protocol_->TakeReplayed());
  return true;
}

bool HonestClient::RestartWithout(size_t entry) {
  journal_.erase(journal_.begin() + static_cast<std::ptrdiff_t>(entry));
  return Restart();
}

bool HonestClient::RestartWithOtherDigests() {
  for (std::string& bytes : journal_) {
    v1::JournalEntry entry;
    entry.ParseFromString(bytes);
    if (!entry.sent_digest().empty()) entry.mutable_sent_digest()->front() ^= 1;
    bytes = entry.SerializeAsString();
  }
  return Restart();
}

std::vector<ClientView> HonestClient::views() const {
  std::vector<ClientView> all = past_;
  all.push_back(view_);
  return all;
}

// ---- What it hears and does ----

void HonestClient::Hear(const v1::ServerMessage& message) {
  if (ended_) return;
  view_.Shown(message);
  Carry(protocol_->Step(client::MessageReceived{message}));
}

void HonestClient::Reconnect() { Carry(protocol_->Step(client::Reconnected{})); }

void HonestClient::RefuseUpload(v1::Reason reason) {
  Carry(protocol_->Step(client::UploadRefused{reason, "the test says so"}));
}

void HonestClient::Carry(client::Effects effects) {
  for (client::Effect& effect : effects) {
    std::visit([this](auto& one) { CarryOne(std::move(one)); }, effect);
  }
}

void HonestClient::CarryOne(client::Remember remember) {
  journal_.push_back(std::move(remember.entry));
  if (!remember.answers) return;
  crypto::Digest model{};
  const std::string& hash = protocol_->header().model_hash();
  std::copy(hash.begin(), hash.end(), model.begin());
  answered_.insert(model);
}

void HonestClient::CarryOne(client::Send send) {
  view_.Said(send.message);
  said_.push_back(std::move(send.message));
}

void HonestClient::CarryOne(const client::EncodeInput& encode) {
  std::vector<float> update(encode.spec.dimension());
  for (size_t i = 0; i < update.size(); ++i) {
    update[i] =
        options_.value.has_value()
            ? *options_.value
            : static_cast<float>((options_.seed * 7 + i * 3 + update_version_) % 19) / 19 - 0.5f;
  }
  lanes_.emplace(
      client::EncodeUpdate(update, options_.weight, encode.spec, protocol_->rounding_seed())
          .value()
          .values);
  Carry(protocol_->Step(client::InputEncoded{client::InputDigest(*lanes_)}));
}

void HonestClient::CarryOne(client::StartUpload start) {
  const absl::Status made = start.plan->MaskAndPack(*lanes_, 0, lanes_->size(), upload_);
  const auto close = protocol_->CloseUpload(crypto::Sha256(crypto::AsBytes(upload_)));
  if (!made.ok() || !close.ok()) return;
  upload_open_ = std::move(start.open);
  upload_close_ = *close;
  uploads_.insert(upload_);
  view_.Uploaded("update", client::InputDigest(*lanes_));
}

void HonestClient::CarryOne(client::Finished finished) {
  ended_ = true;
  end_ = std::move(finished.status);
}

const v1::ClientMessage* HonestClient::Last(v1::ClientMessage::MessageCase kind) const {
  const auto found = std::find_if(
      said_.rbegin(), said_.rend(),
      [&](const v1::ClientMessage& message) { return message.message_case() == kind; });
  return found == said_.rend() ? nullptr : &*found;
}

uint32_t HonestClient::Count(v1::ClientMessage::MessageCase kind) const {
  return static_cast<uint32_t>(std::count_if(
      said_.begin(), said_.end(),
      [&](const v1::ClientMessage& message) { return message.message_case() == kind; }));
}

std::optional<v1::Reason> HonestClient::declined() const {
  if (!ended_ || end_.code() != absl::StatusCode::kFailedPrecondition) return std::nullopt;
  return ReasonOf(end_);
}

}  // namespace veilsum::adversary
