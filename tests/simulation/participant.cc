// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/participant.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "client_sdk/protocol/masked_input.h"
#include "crypto/primitives/transcript_hash.h"
#include "proto/reason_status.h"
#include "tests/simulation/cast.h"

namespace veilsum::simulation {
namespace {

// As IsTransient of client_sdk/transport/retry.h, which knows gRPC.
bool IsTransient(v1::Reason reason) {
  return reason == v1::REASON_OVERLOADED || reason == v1::REASON_DRAINING ||
         reason == v1::REASON_NOT_READY || reason == v1::REASON_SHUTDOWN;
}

}  // namespace

Participant::Participant(const Plan& plan, uint32_t client, AggregatorProcess::Surroundings around,
                         bool keep_views, Wires wires)
    : plan_(plan),
      client_(client),
      around_(around),
      keep_views_(keep_views),
      wires_(std::move(wires)) {}

// ---- The process ----

void Participant::Start() {
  if (!running() && !gone_) Begin();
}

void Participant::Begin() {
  ++process_;
  client::ParticipantOptions options = OptionsOf(plan_, client_, generation_);
  options.journal = journal_;
  options.answered = [this](const crypto::Digest& model) { return answered_.count(model) != 0; };
  auto created = client::ParticipantProtocol::Create(std::move(options));
  if (!created.ok()) {
    return around_.witness.Violate(absl::StrCat(
        "client ", client_, " cannot play its journal: ", created.status().ToString()));
  }
  protocol_.emplace(*std::move(created));
  while (keep_views_ && views_.size() <= generation_) {
    views_.emplace_back(IdentityOf(client_).public_key());
  }
  take_up_ = has_session();
  Connect();
}

void Participant::After(uint64_t delay, std::function<void()> work) {
  around_.clock.After(delay, [this, process = process_, work = std::move(work)] {
    if (process == process_ && running() && !finished_.has_value()) work();
  });
}

void Participant::Crash(bool entry_durable, bool lose_state) {
  if (!running() || finished_.has_value()) return;
  if (entry_durable && remembering_.has_value()) Remembered();
  ++process_;
  protocol_.reset();
  effects_.clear();
  remembering_.reset();
  connected_ = take_up_ = timer_armed_ = downloading_ = false;
  failures_ = 0;
  input_.reset();
  upload_.reset();
  // A secret is stored together with the first entry.
  if (!lose_state && !journal_.empty()) return;
  ++generation_;
  lost_state_ |= !journal_.empty();
  journal_.clear();
  if (lose_state) answered_.clear();
}

void Participant::Restart() {
  if (!running() && !gone_ && !finished_.has_value()) Begin();
}

void Participant::Vanish() {
  if (finished_.has_value()) return;
  Crash(false, false);
  gone_ = true;
}

void Participant::GiveUp() {
  if (!running() || finished_.has_value()) return;
  gave_up_ = true;
  effects_.clear();  // What has not left yet never will.
  remembering_.reset();
  for (client::Effect& effect : protocol_->Step(client::CancelRequested{})) {
    std::visit([this](auto& one) { Do(one); }, effect);
  }
  // Where the session had ended, and only its last effects had not been carried out.
  if (!finished_.has_value()) finished_.emplace().status = absl::CancelledError("gave up");
}

// As SessionDriver: with the aggregator gone a session is given up after its deadlines, with a
// silent one after as long again.
void Participant::ArmSessionTimer(bool last) {
  const v1::PhaseDeadlines& deadlines = protocol_->header().deadlines();
  const uint64_t sum = deadlines.advertise_keys_ms() + deadlines.share_keys_ms() +
                       deadlines.masked_input_ms() + deadlines.consistency_check_ms() +
                       deadlines.unmasking_ms();
  After((sum + (last ? 0 : 30'000)) * kMillisecond, [this, last] {
    if (connected_ && !last) return ArmSessionTimer(true);
    around_.witness.Violate(
        absl::StrCat("I9: client ", client_, " waited in vain until after all deadlines"));
    GiveUp();
  });
}

// ---- The connection ----

void Participant::Connect() { wires_.connect({has_session(), protocol_->last_outcome()}); }

void Participant::ConnectLater() {
  const uint64_t most = std::min<uint64_t>(5'000, 200u << std::min(failures_++, 10u));
  After(around_.random.Between(most / 2, most) * kMillisecond, [this] {
    if (!connected_) Connect();
  });
}

void Participant::Established() {
  if (!running() || finished_.has_value()) return;
  connected_ = true;
  if (!has_session()) return;
  if (std::exchange(take_up_, false)) {
    if (!timer_armed_) ArmSessionTimer(false);
    timer_armed_ = true;
    Carry(protocol_->TakeReplayed());
  }
  Step(client::Reconnected{});
}

void Participant::ConnectionLost() {
  if (!running() || finished_.has_value()) return;
  connected_ = false;
  ConnectLater();
}

void Participant::Hear(const v1::ServerMessage& message) {
  if (!running() || finished_.has_value() || message.has_waiting()) return;
  failures_ = 0;
  if (keep_views_) view().Shown(message);
  if (message.has_survivors()) {
    around_.witness.HeardSurvivors(message.survivors());
    EndUpload();
  }
  client::Effects effects = protocol_->Step(client::MessageReceived{message});
  if (has_session() && !std::exchange(timer_armed_, true)) ArmSessionTimer(false);
  Carry(std::move(effects));
}

// ---- Effects ----

void Participant::Step(client::Event event) { Carry(protocol_->Step(std::move(event))); }

void Participant::Carry(client::Effects effects) {
  for (client::Effect& effect : effects) effects_.push_back(std::move(effect));
  CarryOn();
}

void Participant::CarryOn() {
  while (!effects_.empty() && !remembering_.has_value() && !finished_.has_value()) {
    client::Effect effect = std::move(effects_.front());
    effects_.pop_front();
    std::visit([this](auto& one) { Do(one); }, effect);
  }
}

void Participant::Do(client::Remember& remember) {
  remembering_ = std::move(remember);
  After(around_.random.Between(100, 4 * kMillisecond), [this] {
    if (!remembering_.has_value()) return;
    Remembered();
    CarryOn();
  });
}

void Participant::Remembered() {
  journal_.push_back(std::move(remembering_->entry));
  if (remembering_->answers && protocol_->header().model_hash().size() == 32) {
    crypto::Digest model{};
    const std::string& hash = protocol_->header().model_hash();
    std::copy(hash.begin(), hash.end(), model.begin());
    answered_.insert(model);
  }
  remembering_.reset();
}

// The same bytes, always; and no peer's shares of both kinds.
void Participant::CheckSaid(const v1::ClientMessage& message) {
  if (message.has_withdraw()) return;
  const auto [before, fresh] =
      said_.emplace(std::pair(generation_, client::RoundOf(message)), message.SerializeAsString());
  if (!fresh && before->second != message.SerializeAsString()) {
    around_.witness.Violate(
        absl::StrCat("client ", client_, " said something else in the same round"));
  }
  v1::Unmasking unmasking;
  if (!fresh || !message.has_unmasking() || !unmasking.ParseFromString(message.unmasking().body()))
    return;
  for (const v1::RevealedShare& share : unmasking.shares()) {
    const auto [kind, first] = revealed_.emplace(share.owner(), share.share_case());
    if (!first && kind->second != share.share_case()) {
      around_.witness.Violate(
          absl::StrCat("I5: client ", client_, " gave both shares of ", share.owner()));
    }
  }
}

void Participant::Do(client::Send& send) {
  if (!connected_) return;  // Said again on return.
  CheckSaid(send.message);
  if (keep_views_) view().Said(send.message);
  wires_.say(std::move(send.message));
}

void Participant::Do(client::EncodeInput& encode) {
  After(around_.random.Between(1, 30) * kMillisecond, [this, spec = encode.spec] {
    if (protocol_->finished()) return;
    input_.emplace(InputOf(spec, plan_.clients, client_));
    Step(client::InputEncoded{client::InputDigest(*input_)});
  });
}

void Participant::Do(client::DownloadResult&) {
  downloading_ = true;
  wires_.download();
}

void Participant::HearDownload(absl::StatusOr<std::string> packed) {
  if (!running() || finished_.has_value() || !downloading_) return;
  if (packed.ok()) return Step(client::ResultDownloaded{*std::move(packed)});
  const v1::Reason reason = ReasonOf(packed.status());
  if (reason != v1::REASON_UNSPECIFIED && !IsTransient(reason)) {
    return Step(client::DownloadRefused{reason, std::string(packed.status().message())});
  }
  After(around_.random.Between(100, 1'000) * kMillisecond, [this] { wires_.download(); });
}

void Participant::Do(client::Finished& finished) {
  if (around_.witness.tracing()) {
    around_.witness.Trace(absl::StrCat("client ", client_, " ends: ", finished.status.ToString(),
                                       " ", v1::Reason_Name(finished.reason)));
  }
  finished_ = std::move(finished);
  EndUpload();
}

// ---- The upload ----

void Participant::Do(client::StartUpload& start) {
  if (upload_.has_value()) return;
  upload_.emplace();
  upload_->wanted = std::move(start);
  const absl::Status made =
      upload_->wanted.plan->MaskAndPack(*input_, 0, input_->size(), upload_->packed);
  if (!made.ok()) around_.witness.Violate(made.ToString());
  const auto [before, fresh] = uploaded_.emplace(generation_, upload_->packed);
  if (!fresh && before->second != upload_->packed) {
    around_.witness.Violate(absl::StrCat("client ", client_, " masked its input in two ways"));
  }
  if (keep_views_) view().Uploaded("the update", client::InputDigest(*input_));
  OpenUpload();
}

void Participant::OpenUpload() {
  upload_->step = UploadStep::kOpening;
  upload_->call = wires_.call();
  v1::UploadRequest request;
  *request.mutable_open() = upload_->wanted.open;
  wires_.upload(upload_->call, std::move(request));
}

void Participant::RetryUpload() {
  upload_->step = UploadStep::kWaiting;
  After(around_.random.Between(100, 1'000) * kMillisecond, [this] {
    if (upload_.has_value() && upload_->step == UploadStep::kWaiting) OpenUpload();
  });
}

void Participant::CallLost(uint64_t call) {
  if (!running() || !upload_.has_value() || upload_->call != call ||
      upload_->step == UploadStep::kWaiting) {
    return;
  }
  RetryUpload();
}

// In two parts, so that it can break between them.
void Participant::SendParts(uint64_t offset) {
  upload_->step = UploadStep::kClosing;
  const std::string& packed = upload_->packed;
  const size_t half = packed.size() / 2;
  while (offset < packed.size()) {
    const size_t end = offset < half ? half : packed.size();
    v1::UploadRequest request;
    request.mutable_data()->set_offset(offset);
    request.mutable_data()->set_payload(packed.substr(offset, end - offset));
    wires_.upload(upload_->call, std::move(request));
    offset = end;
  }
  const auto close = protocol_->CloseUpload(crypto::Sha256(crypto::AsBytes(packed)));
  if (!close.ok()) return around_.witness.Violate(close.status().ToString());
  v1::UploadRequest request;
  *request.mutable_close() = *close;
  wires_.upload(upload_->call, std::move(request));
}

void Participant::HearUpload(uint64_t call, const UploadAnswer& answer) {
  if (!running() || finished_.has_value()) return;
  if (const auto* reply = std::get_if<v1::UploadReply>(&answer)) {
    if (reply->has_receipt()) around_.witness.HeardReceipt(client_, reply->receipt());
  }
  if (!upload_.has_value() || upload_->call != call || upload_->step == UploadStep::kWaiting) {
    return;
  }
  if (const auto* refusal = std::get_if<UploadRefusal>(&answer)) {
    if (IsTransient(refusal->reason)) return RetryUpload();
    EndUpload();
    return Step(client::UploadRefused{refusal->reason, refusal->detail});
  }
  const auto& reply = std::get<v1::UploadReply>(answer);
  if (reply.has_receipt()) {
    EndUpload();
    return Step(client::UploadAcknowledged{reply.receipt()});
  }
  if (upload_->step == UploadStep::kOpening && reply.proceed().offset() <= upload_->packed.size()) {
    SendParts(reply.proceed().offset());
  }
}

}  // namespace veilsum::simulation
