// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/scenarios/interposer.h"

#include <utility>

namespace veilsum::scenarios {

v1::Round RoundOf(const v1::ClientMessage& message) {
  if (message.has_advertise_keys()) return kAdvertiseKeys;
  if (message.has_share_keys()) return kShareKeys;
  if (message.has_consistency_check()) return kConsistencyCheck;
  if (message.has_unmasking()) return kUnmasking;
  return v1::ROUND_UNSPECIFIED;
}

Interposer::Interposer(const Scenario& scenario, const Cast& cast, uint32_t client,
                       Blackboard* blackboard)
    : how_(scenario.script(client).misbehaviour),
      posts_(how_ == Misbehaviour::kNone && !scenario.script(client).waits_for.has_value()),
      blackboard_(blackboard),
      knowledge_(cast.identity(client), cast.somebody_else(), cast.session_secret(client)),
      upload_(how_, &knowledge_) {
  if (scenario.clients() <= kMostViewedClients) {
    evidence_.view.emplace(cast.identity(client).public_key());
  }
}

std::optional<v1::ClientMessage> Interposer::Outgoing(v1::ClientMessage message) {
  switch (message.message_case()) {
    case v1::ClientMessage::kAdvertiseKeys: {
      TamperAdvertiseKeys(how_, knowledge_, blackboard_->AnyEntry(),
                          *message.mutable_advertise_keys());
      v1::AdvertiseKeysEntry entry;
      if (posts_ && entry.ParseFromString(message.advertise_keys().entry())) {
        blackboard_->Post(entry);
      }
      break;
    }
    case v1::ClientMessage::kShareKeys:
      TamperShareKeys(how_, knowledge_, *message.mutable_share_keys());
      break;
    case v1::ClientMessage::kConsistencyCheck:
      if (how_ == Misbehaviour::kSilentSigner) return std::nullopt;
      TamperConsistencyCheck(how_, knowledge_, *message.mutable_consistency_check());
      break;
    case v1::ClientMessage::kUnmasking: {
      TamperUnmasking(how_, knowledge_, *message.mutable_unmasking());
      v1::Unmasking body;
      if (body.ParseFromString(message.unmasking().body())) evidence_.unmaskings.push_back(body);
      break;
    }
    default:
      return message;  // Hello and Withdraw, which get no answer of their own.
  }
  if (evidence_.view.has_value()) evidence_.view->Said(message);
  own_[message.message_case()] = message;
  answers_due_.push_back(false);
  return message;
}

v1::UploadRequest Interposer::OutgoingUpload(v1::UploadRequest request) {
  upload_.Tamper(request);
  NoteUpload(request);
  return request;
}

void Interposer::NoteUpload(const v1::UploadRequest& request) {
  if (!evidence_.view.has_value()) return;
  if (request.has_data() && evidence_.view->uploads.empty()) {
    evidence_.view->Uploaded("update", {});
  }
  if (!request.has_close()) return;
  const std::string& digest = request.close().digest();
  if (!closed_upload_.empty() && digest != closed_upload_) {
    // Other bytes under the same masks, so another input.
    evidence_.view->Uploaded("update", crypto::Sha256(crypto::AsBytes(digest)));
  }
  closed_upload_ = digest;
}

std::optional<v1::ServerMessage> Interposer::Incoming(v1::ServerMessage message,
                                                      std::vector<v1::ClientMessage>& say) {
  knowledge_.Learn(message);
  if (message.has_survivors()) {
    evidence_.survivor_bitmaps.insert(message.survivors().survivors());
  }
  if (evidence_.view.has_value()) evidence_.view->Shown(message);
  if (AnswersLie(message)) {
    evidence_.refusal = message.has_refused() ? message.refused().reason() : v1::REASON_UNSPECIFIED;
    return std::nullopt;
  }
  std::optional<v1::ClientMessage> lie = OutOfTurn(how_, knowledge_, message, own_);
  if (!lie.has_value() || evidence_.refusal.has_value()) return message;
  say.push_back(*std::move(lie));
  answers_due_.push_back(true);
  return message;
}

bool Interposer::AnswersLie(const v1::ServerMessage& message) {
  const bool answer =
      message.has_accepted() ||
      (message.has_refused() && message.refused().scope() == v1::Refused::SCOPE_MESSAGE);
  if (!answer || answers_due_.empty()) return false;
  const bool to_lie = answers_due_.front();
  answers_due_.pop_front();
  return to_lie;
}

}  // namespace veilsum::scenarios
