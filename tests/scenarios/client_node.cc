// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/scenarios/client_node.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "client_sdk/encoding/decoder.h"
#include "client_sdk/encoding/encoder.h"
#include "client_sdk/protocol/masked_input.h"

namespace veilsum::scenarios {
namespace {

client::ParticipantProtocol MakeProtocol(const Scenario& scenario, const Cast& cast,
                                         uint32_t client) {
  client::ParticipantOptions options{&cast.identity(client), cast.session_secret(client),
                                     PolicyOf(scenario, cast), kTaskId, ModelHashOf(scenario)};
  return client::ParticipantProtocol::Create(std::move(options)).value();
}

}  // namespace

ClientNode::ClientNode(const Scenario& scenario, const Cast& cast, uint32_t client,
                       Blackboard* blackboard, Options options)
    : scenario_(scenario),
      client_(client),
      script_(scenario.script(client)),
      options_(options),
      interposer_(scenario, cast, client, blackboard),
      protocol_(MakeProtocol(scenario, cast, client)) {}

// ---- The control stream ----

void ClientNode::Hear(const v1::ServerMessage& message) {
  std::vector<v1::ClientMessage> say;
  std::optional<v1::ServerMessage> heard = interposer_.Incoming(message, say);
  for (v1::ClientMessage& lie : say) outbox.push_back(std::move(lie));
  if (!heard.has_value()) return;
  const v1::Round accepted =
      heard->has_accepted() ? heard->accepted().round() : v1::ROUND_UNSPECIFIED;
  // A receipt that is still on its way says nothing new any more.
  if (heard->has_survivors() && upload_.has_value()) {
    EndUpload();
    if (Pass(After(kMaskedInput))) return;
  }
  client::Effects effects = protocol_.Step(client::MessageReceived{*std::move(heard)});
  if (!CallerFits()) {
    giving_up_ =
        client::CheckUpdate(UpdateOfCaller(scenario_, client_), WeightOfCaller(scenario_, client_),
                            protocol_.header().vector());
    effects = protocol_.Step(client::CancelRequested{});
  }
  for (client::Effect& effect : effects) {
    if (!alive() || ended_) return;
    std::visit([this](auto& one) { Carry(std::move(one)); }, effect);
  }
  if (accepted == v1::ROUND_UNSPECIFIED) return;
  if (accepted == kAdvertiseKeys) advertised_ = true;
  Pass(After(accepted));
}

bool ClientNode::CallerFits() {
  if (caller_checked_ || protocol_.session_id().empty() || protocol_.finished()) return true;
  caller_checked_ = true;
  return script_.caller_error == CallerError::kNone;
}

void ClientNode::Step(client::Event event) {
  client::Effects effects = protocol_.Step(std::move(event));
  for (client::Effect& effect : effects) {
    if (!alive() || ended_) return;
    std::visit([this](auto& one) { Carry(std::move(one)); }, effect);
  }
}

void ClientNode::Carry(client::Send send) {
  const v1::Round round = RoundOf(send.message);
  if (Pass(Before(round))) return;
  Say(std::move(send.message));
  Pass(RightAfterSending(round));
}

void ClientNode::Say(v1::ClientMessage message) {
  if (cut_) return;  // Said again on return.
  std::optional<v1::ClientMessage> outgoing = interposer_.Outgoing(std::move(message));
  if (outgoing.has_value()) outbox.push_back(*std::move(outgoing));
}

void ClientNode::Carry(const client::EncodeInput& encode) {
  spec_ = encode.spec;
  rounding_seed_ = protocol_.rounding_seed().Clone();
  // Made again when the upload begins, so that a thousand clients' inputs are not there at once.
  Step(client::InputEncoded{client::InputDigest(Input())});
}

void ClientNode::Carry(client::Finished finished) {
  ended_ = true;
  download_bytes_ = 0;
  EndUpload();
  outcome_.ended = true;
  outcome_.status = giving_up_.ok() ? finished.status : giving_up_;
  outcome_.included = finished.included;
  if (!finished.status.ok()) return;
  const auto sum = client::DecodeSum(finished.packed_sum, spec_, finished.included);
  if (!sum.ok()) {
    outcome_.status = sum.status();
    return;
  }
  outcome_.mean_digest = DigestOf(sum->mean);
  outcome_.weight_sum = sum->weight_sum;
}

void ClientNode::TakeResult(std::string packed) {
  if (packed.size() != download_bytes_)
    violations.push_back("a result of another length than told");
  download_bytes_ = 0;
  Step(client::ResultDownloaded{std::move(packed)});
}

// ---- The upload ----

void ClientNode::Carry(client::StartUpload upload) {
  if (upload_.has_value()) return;
  upload_ = std::move(upload);
  if (Pass(Before(kMaskedInput))) return;
  upload_step_ = UploadStep::kOpen;
}

bool ClientNode::can_upload() const {
  return upload_step_ == UploadStep::kOpen || upload_step_ == UploadStep::kData ||
         upload_step_ == UploadStep::kClose;
}

crypto::LaneVector ClientNode::Input() const {
  return client::EncodeUpdate(UpdateOf(scenario_, client_), script_.weight, spec_, *rounding_seed_)
      .value()
      .values;
}

std::string ClientNode::MakeChunk() {
  const uint64_t per_chunk = client::ElementsPerChunk(spec_.modulus_bits(), options_.chunk_bytes);
  const uint64_t count = std::min<uint64_t>(per_chunk, input_->size() - next_element_);
  std::string packed;
  const absl::Status made = upload_->plan->MaskAndPack(*input_, next_element_, count, packed);
  if (!made.ok()) violations.push_back(std::string(made.message()));
  next_element_ += count;
  return packed;
}

v1::UploadRequest ClientNode::NextUploadRequest() {
  v1::UploadRequest request;
  if (upload_step_ == UploadStep::kOpen) {
    *request.mutable_open() = upload_->open;
    upload_step_ = UploadStep::kAwaitProceed;
    return interposer_.OutgoingUpload(std::move(request));
  }
  if (upload_step_ == UploadStep::kData) {
    const uint64_t begin = hashed_bytes_;
    std::string chunk = MakeChunk();
    hasher_.Update(crypto::AsBytes(chunk));
    hashed_bytes_ += chunk.size();
    request.mutable_data()->set_offset(begin);
    request.mutable_data()->set_payload(std::move(chunk));
    const bool done = next_element_ == input_->size();
    upload_step_ = done ? UploadStep::kClose : UploadStep::kData;
    request = interposer_.OutgoingUpload(std::move(request));
    if (2 * next_element_ >= input_->size()) Pass(MidUpload());
    return request;
  }
  auto close = protocol_.CloseUpload(hasher_.Finish());
  if (!close.ok()) violations.push_back(std::string(close.status().message()));
  *request.mutable_close() = *std::move(close);
  upload_step_ = UploadStep::kAwaitReceipt;
  request = interposer_.OutgoingUpload(std::move(request));
  Pass(RightAfterSending(kMaskedInput));
  return request;
}

void ClientNode::HearUpload(const UploadAnswer& answer) {
  if (upload_step_ == UploadStep::kNone || ended_) return;
  if (const auto* refusal = std::get_if<UploadRefusal>(&answer)) {
    if (refusal->reason == v1::REASON_OVERLOADED) {  // Try again.
      upload_step_ = UploadStep::kOpen;
      return;
    }
    upload_step_ = UploadStep::kNone;
    return Step(client::UploadRefused{refusal->reason, refusal->detail});
  }
  const auto& reply = std::get<v1::UploadReply>(answer);
  if (reply.has_receipt()) {
    EndUpload();
    Step(client::UploadAcknowledged{reply.receipt()});
    Pass(After(kMaskedInput));
    return;
  }
  // What was sent before is made again, for the digest; it comes out the same.
  if (!input_.has_value()) input_ = Input();
  hasher_ = crypto::Sha256Hasher();
  hashed_bytes_ = next_element_ = 0;
  while (hashed_bytes_ < reply.proceed().offset()) {
    const std::string chunk = MakeChunk();
    hasher_.Update(crypto::AsBytes(chunk));
    hashed_bytes_ += chunk.size();
  }
  // Unless its own lies cut a chunk.
  if (hashed_bytes_ != reply.proceed().offset() && script_.misbehaviour == Misbehaviour::kNone) {
    violations.push_back("an offset within a chunk");
  }
  upload_step_ = next_element_ == input_->size() ? UploadStep::kClose : UploadStep::kData;
}

void ClientNode::EndUpload() {
  upload_step_ = UploadStep::kNone;
  upload_.reset();
  input_.reset();
}

// ---- Faults ----

bool ClientNode::Pass(When when) {
  const auto is = [&](const When& other) { return other == when; };
  if (script_.vanishes.has_value() && is(*script_.vanishes)) {
    Vanish();
    return true;
  }
  if (std::none_of(script_.reconnects.begin(), script_.reconnects.end(), is) ||
      std::any_of(passed_.begin(), passed_.end(), is)) {
    return false;
  }
  passed_.push_back(when);
  Cut();
  return true;
}

void ClientNode::Cut() {
  cut_ = true;
  if (options_.cuts_lose_what_was_sent) outbox.clear();
  inbox.clear();
  upload_inbox.clear();
  upload_step_ = UploadStep::kNone;
  interposer_.ConnectionLost();
}

void ClientNode::Vanish() {
  vanished_ = true;
  inbox.clear();
  upload_inbox.clear();
  upload_.reset();
  upload_step_ = UploadStep::kNone;
}

void ClientNode::Return() {
  cut_ = false;
  if (upload_.has_value()) upload_step_ = UploadStep::kOpen;
  Step(client::Reconnected{});
}

ClientOutcome ClientNode::Report() const {
  ClientOutcome outcome = outcome_;
  outcome.gone = vanished_;
  outcome.evidence = interposer_.evidence();
  return outcome;
}

}  // namespace veilsum::scenarios
