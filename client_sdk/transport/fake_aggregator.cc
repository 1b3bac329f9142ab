// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "client_sdk/transport/fake_aggregator.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "crypto/certificates/certificate_authority.h"
#include "proto/limits.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::client {

std::shared_ptr<ServedDownload> ServedDownload::Create(const v1::DownloadResultRequest& request) {
  std::shared_ptr<ServedDownload> download(new ServedDownload(request));
  download->self_ = download;
  return download;
}

void ServedDownload::Send(uint64_t offset, std::string payload) {
  v1::ResultChunk chunk;
  chunk.set_offset(offset);
  chunk.set_payload(std::move(payload));
  const std::lock_guard<std::mutex> lock(mutex_);
  if (finished_) return;
  writes_.push_back(std::move(chunk));
  if (writes_.size() == 1) StartWrite(&writes_.front());
}

void ServedDownload::End(absl::Status status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (finished_) return;
  finished_ = true;
  final_status_ = ToGrpcStatus(status);
  if (writes_.empty()) Finish(final_status_);
}

void ServedDownload::OnWriteDone(bool /*ok*/) {
  const std::lock_guard<std::mutex> lock(mutex_);
  writes_.pop_front();
  if (!writes_.empty()) {
    StartWrite(&writes_.front());
  } else if (finished_) {
    Finish(final_status_);
  }
}

class FakeAggregator::Service final : public v1::ParticipantService::CallbackService {
 public:
  explicit Service(FakeAggregator* owner) : owner_(owner) {}

 private:
  grpc::ServerBidiReactor<v1::ClientMessage, v1::ServerMessage>* Participate(
      grpc::CallbackServerContext*) override {
    ++owner_->calls_;
    const auto stream = Control::Create(true);
    owner_->controls_.Put(stream);
    return stream.get();
  }
  grpc::ServerBidiReactor<v1::UploadRequest, v1::UploadReply>* UploadMaskedInput(
      grpc::CallbackServerContext*) override {
    ++owner_->calls_;
    const auto stream = Upload::Create(false);
    owner_->uploads_.Put(stream);
    return stream.get();
  }
  grpc::ServerWriteReactor<v1::ResultChunk>* DownloadResult(
      grpc::CallbackServerContext*, const v1::DownloadResultRequest* request) override {
    ++owner_->calls_;
    const auto download = ServedDownload::Create(*request);
    owner_->downloads_.Put(download);
    return download.get();
  }

  FakeAggregator* const owner_;
};

FakeAggregator::FakeAggregator() : service_(std::make_unique<Service>(this)) {
  const crypto::Validity validity{absl::FromUnixSeconds(0), absl::FromUnixSeconds(4'000'000'000)};
  const auto authority = crypto::CertificateAuthority::Create("test authority", validity);
  const auto server = authority->IssueServer("localhost", {{"localhost"}, {}}, validity);
  root_certificates_pem_ = authority->certificate_pem();
  grpc::SslServerCredentialsOptions tls;
  tls.pem_key_cert_pairs.push_back(
      {crypto::ToString(crypto::ExposeSecret(server->private_key_pem)), server->certificate_pem});
  grpc::ServerBuilder builder;
  builder.AddListeningPort("localhost:0", grpc::SslServerCredentials(tls), &port_);
  builder.RegisterService(service_.get());
  server_ = builder.BuildAndStart();
}

FakeAggregator::~FakeAggregator() { server_->Shutdown(std::chrono::system_clock::now()); }

void FakeAggregator::StopAccepting() {
  controls_.Close();
  uploads_.Close();
  downloads_.Close();
}

ChannelOptions FakeAggregator::channel_options() const {
  ChannelOptions options;
  options.target = absl::StrCat("localhost:", port_);
  options.root_certificates_pem = root_certificates_pem_;
  return options;
}

std::shared_ptr<FakeAggregator::Control> FakeAggregator::Greet(v1::Hello* hello) {
  std::shared_ptr<Control> control = AcceptControl();
  v1::ServerMessage challenge;
  challenge.mutable_challenge()->set_nonce(FakeNonce());
  control->Send(challenge);
  const std::optional<v1::ClientMessage> answer = control->Receive();
  if (hello != nullptr && answer.has_value()) *hello = answer->hello();
  return control;
}

std::string FakeNonce() { return std::string(limits::kNonceBytes, 'n'); }

v1::SessionHeader FakeHeader(uint64_t dimension) {
  constexpr uint32_t kClients = 10;
  v1::SessionHeader header;
  header.set_protocol_version(limits::kProtocolVersion);
  header.set_session_id(std::string(limits::kSessionIdBytes, 's'));
  header.set_task_id("task");
  header.mutable_vector()->set_dimension(dimension);
  header.mutable_vector()->set_clip(1.0f);
  header.mutable_vector()->set_quantisation_bits(16);
  header.mutable_vector()->set_max_weight(100);
  header.mutable_vector()->set_modulus_bits(*ModulusBits(kClients, 100, 16));
  header.set_tier(v1::TIER_SEMI_HONEST);
  header.set_graph(v1::GRAPH_RULE_COMPLETE);
  header.set_min_survivors(limits::kMinSurvivors);
  header.set_max_clients(kClients);
  for (const auto set :
       {&v1::PhaseDeadlines::set_advertise_keys_ms, &v1::PhaseDeadlines::set_share_keys_ms,
        &v1::PhaseDeadlines::set_masked_input_ms, &v1::PhaseDeadlines::set_consistency_check_ms,
        &v1::PhaseDeadlines::set_unmasking_ms}) {
    (header.mutable_deadlines()->*set)(600'000);
  }
  header.set_audience(v1::AUDIENCE_PARTICIPANTS);
  return header;
}

}  // namespace veilsum::client
