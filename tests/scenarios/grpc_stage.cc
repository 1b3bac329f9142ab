// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/scenarios/grpc_stage.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "aggregator/config/task_rules.h"
#include "client_sdk/transport/channel.h"
#include "crypto/certificates/certificate_authority.h"
#include "proto/rpc_error/rpc_error.h"

namespace veilsum::scenarios {
namespace {

// Beyond anything that a scenario takes: a failure, not a wait.
constexpr absl::Duration kPatience = absl::Seconds(120);
constexpr uint64_t kLongDeadlineMs = 60'000;
// Where a scenario is about a phase that ends without those it needs. Whoever answers has to do so
// within this time.
constexpr uint64_t kShortDeadlineMs = 2'500;

std::string Text(const crypto::SecretBuffer& secret) {
  return crypto::ToString(crypto::ExposeSecret(secret));
}

struct Certificates {
  std::string authority_pem;
  aggregator::TlsOptions server;
  std::string operator_certificate;
  std::string operator_key;
};

// Made once for all scenarios of a process.
const Certificates& TheCertificates() {
  static const Certificates* const certificates = [] {
    const absl::Time now = absl::Now();
    const crypto::Validity validity = {now - absl::Hours(1), now + absl::Hours(24)};
    const auto authority = crypto::CertificateAuthority::Create("scenarios", validity).value();
    const auto own =
        authority.IssueServer("aggregator", {{"localhost"}, {"127.0.0.1"}}, validity).value();
    const auto operators = crypto::MakeSelfSignedClient("operator", validity).value();
    auto* made = new Certificates;
    made->authority_pem = authority.certificate_pem();
    made->server = {own.certificate_pem, Text(own.private_key_pem), "", false};
    made->operator_certificate = operators.certificate_pem;
    made->operator_key = Text(operators.private_key_pem);
    return made;
  }();
  return *certificates;
}

// Closes with the last one who will answer; at the deadline if that is not enough.
v1::PhasePolicy PolicyFor(const Scenario& scenario, v1::Round round) {
  const Scenario::Turnout turnout = scenario.TurnoutOf(round);
  v1::PhasePolicy policy;
  policy.set_least_ms(1);
  policy.set_target_fraction(1);
  if (turnout.silent > 0 && turnout.answering > 0) {
    policy.set_target_fraction((turnout.answering - 0.5) / (turnout.answering + turnout.silent));
  }
  policy.set_deadline_ms(scenario.aborts() && turnout.silent > 0 ? kShortDeadlineMs
                                                                 : kLongDeadlineMs);
  return policy;
}

v1::Task TaskOf(const Scenario& scenario) {
  v1::Task task;
  aggregator::SetDefaultPolicies(task);
  task.set_task_id(kTaskId);
  *task.mutable_vector() = SpecOf(scenario);
  task.set_tier(scenario.tier());
  task.set_graph(scenario.graph());
  task.set_corruption_rate(scenario.corruption_rate());
  task.set_dropout_rate(scenario.dropout_rate());
  task.set_min_survivors(scenario.min_survivors());
  task.set_max_clients(scenario.Seats());
  task.set_audience(v1::AUDIENCE_BOTH);
  *task.mutable_advertise_keys() = PolicyFor(scenario, kAdvertiseKeys);
  *task.mutable_share_keys() = PolicyFor(scenario, kShareKeys);
  *task.mutable_masked_input() = PolicyFor(scenario, kMaskedInput);
  if (scenario.malicious()) {
    *task.mutable_consistency_check() = PolicyFor(scenario, kConsistencyCheck);
  }
  *task.mutable_unmasking() = PolicyFor(scenario, kUnmasking);
  return task;
}

void SetPatience(grpc::ClientContext& context) {
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcStage>> GrpcStage::Open(const Scenario& scenario,
                                                           const Cast& cast) {
  const Certificates& certificates = TheCertificates();
  aggregator::ServerOptions options;
  options.participants = {"127.0.0.1:0", certificates.server};
  options.operators = {"127.0.0.1:0", certificates.server};
  options.operators->tls->client_ca = certificates.operator_certificate;
  options.operators->tls->require_client_certificate = true;
  absl::StatusOr<v1::Task> task = aggregator::CheckTask(TaskOf(scenario));
  if (!task.ok()) return task.status();
  options.aggregator.tasks = {*task};
  options.aggregator.pending_upload_bytes = uint64_t{256} << 20;
  options.aggregator.roster_version = scenario.malicious() ? kRosterVersion : 0;
  options.aggregator.admits = [&scenario, &cast](const crypto::IdentityPublicKey& identity) {
    const uint32_t client = cast.ClientOf(identity);
    return client < cast.clients() &&
           scenario.script(client).misbehaviour != Misbehaviour::kStranger;
  };
  auto server = aggregator::AggregatorServer::Start(std::move(options));
  if (!server.ok()) return server.status();

  std::unique_ptr<GrpcStage> stage(new GrpcStage);
  stage->server_ = *std::move(server);
  client::ChannelOptions channel;
  channel.target = absl::StrCat("127.0.0.1:", stage->server_->ports().operators);
  channel.root_certificates_pem = certificates.authority_pem;
  channel.client_certificate_pem = certificates.operator_certificate;
  channel.client_key_pem = certificates.operator_key;
  stage->operator_ = v1::OperatorService::NewStub(client::MakeChannel(channel));

  grpc::ClientContext context;
  SetPatience(context);
  v1::StartSessionRequest request;
  request.set_task_id(kTaskId);
  if (scenario.malicious()) request.set_model_hash(crypto::ToString(*ModelHashOf(scenario)));
  v1::Session session;
  const grpc::Status started = stage->operator_->StartSession(&context, request, &session);
  if (!started.ok()) return FromGrpcStatus(started);
  stage->session_id_ = session.session_id();
  return stage;
}

std::shared_ptr<grpc::Channel> GrpcStage::NewChannel() const {
  client::ChannelOptions options;
  options.target = absl::StrCat("127.0.0.1:", server_->ports().participants);
  options.root_certificates_pem = TheCertificates().authority_pem;
  return client::MakeChannel(options);
}

absl::StatusOr<v1::Session> GrpcStage::WatchUntilEnd() const {
  grpc::ClientContext context;
  SetPatience(context);
  v1::GetSessionRequest request;
  request.set_session_id(session_id_);
  const auto stream = operator_->WatchSession(&context, request);
  v1::Session session;
  while (stream->Read(&session)) {
  }
  const grpc::Status status = stream->Finish();
  if (!status.ok()) return FromGrpcStatus(status);
  return session;
}

absl::StatusOr<std::string> GrpcStage::ReadResult() const {
  grpc::ClientContext context;
  SetPatience(context);
  v1::GetResultRequest request;
  request.set_session_id(session_id_);
  const auto stream = operator_->GetResult(&context, request);
  std::string packed;
  v1::ResultChunk chunk;
  while (stream->Read(&chunk)) packed += chunk.payload();
  const grpc::Status status = stream->Finish();
  if (!status.ok()) return FromGrpcStatus(status);
  return packed;
}

}  // namespace veilsum::scenarios
