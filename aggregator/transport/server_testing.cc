// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/server_testing.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "aggregator/config/task_rules.h"
#include "crypto/certificates/certificate_authority.h"
#include "crypto/primitives/labels.h"
#include "crypto/transcript/transcript.h"
#include "proto/limits.h"
#include "proto/rpc_error/rpc_error.h"

namespace veilsum::aggregator {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(60);

// A value, or the end of the test.
template <class T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) ADD_FAILURE() << value.status();
  return *std::move(value);
}

std::string Text(const crypto::SecretBuffer& secret) {
  return crypto::ToString(crypto::ExposeSecret(secret));
}

std::chrono::system_clock::time_point Deadline() {
  return absl::ToChronoTime(absl::Now() + kPatience);
}

}  // namespace

v1::Task TestTask(const std::string& task_id, uint32_t max_clients) {
  v1::Task task;
  SetDefaultPolicies(task);
  task.set_task_id(task_id);
  task.mutable_vector()->set_dimension(10);
  task.mutable_vector()->set_clip(1);
  task.mutable_vector()->set_quantisation_bits(16);
  task.mutable_vector()->set_max_weight(100);
  task.set_tier(v1::TIER_SEMI_HONEST);
  task.set_graph(v1::GRAPH_RULE_COMPLETE);
  task.set_min_survivors(2);
  task.set_max_clients(max_clients);
  task.set_audience(v1::AUDIENCE_BOTH);
  task.set_sessions_on_demand(true);
  return task;
}

crypto::IdentityKeyPair TestIdentity(uint8_t number) {
  return crypto::IdentityKeyPair::Generate([number](absl::Span<uint8_t> out) {
    for (uint8_t& byte : out) byte = number;
  });
}

TestServer::TestServer(const TestServerOptions& options) {
  const absl::Time now = absl::Now();
  const crypto::Validity validity = {now - absl::Hours(1), now + absl::Hours(1)};
  const crypto::CertificateAuthority authority =
      Must(crypto::CertificateAuthority::Create("test authority", validity));
  authority_pem_ = authority.certificate_pem();
  const auto own =
      Must(authority.IssueServer("aggregator", {{"localhost"}, {"127.0.0.1"}}, validity));
  const auto operator_pair = Must(crypto::MakeSelfSignedClient("operator", validity));
  const auto stranger = Must(authority.IssueClient("stranger", validity));
  operator_ = {operator_pair.certificate_pem, Text(operator_pair.private_key_pem)};
  stranger_ = {stranger.certificate_pem, Text(stranger.private_key_pem)};

  ServerOptions& server = server_options_;
  server.participants = {"127.0.0.1:0",
                         TlsOptions{own.certificate_pem, Text(own.private_key_pem), "", false}};
  server.operators = {"127.0.0.1:0", TlsOptions{own.certificate_pem, Text(own.private_key_pem),
                                                operator_.certificate, true}};
  server.aggregator.tasks = options.tasks;
  server.aggregator.pending_upload_bytes = options.pending_upload_bytes;
  server.max_connections = options.max_connections;
  server.aggregator.roster_version = options.roster_version;
  server.aggregator.enrolment = options.enrolment;
  server.stall_time = options.stall_time;
  server.room_time = options.room_time;
  server.large_writes_under_way = options.large_writes_under_way;
  server.longest_write_turn = options.longest_write_turn;
  server.recorder = options.recorder;
  server.memory = options.memory;
  server.call_rate = options.call_rate;
  std::set<IdentityPublicKey> members;
  for (uint32_t i = 1; i <= options.identities; ++i) {
    members.insert(TestIdentity(static_cast<uint8_t>(i)).public_key());
  }
  server.aggregator.admits = [members](const IdentityPublicKey& identity) {
    return members.count(identity) != 0;
  };
  open_storage_ = options.open_storage;
  Start();
  server.participants.address = absl::StrCat("127.0.0.1:", server_->ports().participants);
  server.operators->address = absl::StrCat("127.0.0.1:", server_->ports().operators);
}

void TestServer::Start() {
  ServerOptions options = server_options_;
  if (open_storage_ != nullptr) options.aggregator.storage = open_storage_();
  server_ = Must(AggregatorServer::Start(std::move(options)));
}

void TestServer::Restart(const std::function<void(AggregatorOptions&)>& change) {
  server_.reset();
  if (change != nullptr) change(server_options_.aggregator);
  Start();
}

std::string TestServer::participant_target() const {
  return absl::StrCat("127.0.0.1:", server_->ports().participants);
}

std::shared_ptr<grpc::Channel> TestServer::Channel(int port, const Credentials& credentials) const {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = authority_pem_;
  tls.pem_cert_chain = credentials.certificate;
  tls.pem_private_key = credentials.key;
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // What is not read stays with the server, but for the 64 KB of HTTP/2.
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port), grpc::SslCredentials(tls),
                                   arguments);
}

std::shared_ptr<grpc::Channel> TestServer::ParticipantChannel() const {
  return Channel(server_->ports().participants, {});
}
std::unique_ptr<v1::ParticipantService::Stub> TestServer::Participant() const {
  return v1::ParticipantService::NewStub(ParticipantChannel());
}
std::shared_ptr<grpc::Channel> TestServer::OperatorChannel() const {
  return Channel(server_->ports().operators, operator_);
}
std::unique_ptr<v1::OperatorService::Stub> TestServer::Operator() const {
  return v1::OperatorService::NewStub(OperatorChannel());
}
std::unique_ptr<v1::OperatorService::Stub> TestServer::NotTheOperator() const {
  return v1::OperatorService::NewStub(Channel(server_->ports().operators, stranger_));
}

std::unique_ptr<v1::OperatorService::Stub> TestServer::Nobody() const {
  return v1::OperatorService::NewStub(Channel(server_->ports().operators, {}));
}

TestStream::TestStream(const TestServer& server) : stub_(server.Participant()) {
  context_.set_deadline(Deadline());
  stream_ = stub_->Participate(&context_);
}

TestStream::~TestStream() {
  Cancel();
  if (!finished_) Finish().IgnoreError();
}

v1::ClientMessage TestStream::Hello(const crypto::IdentityKeyPair& identity,
                                    const std::string& task_id,
                                    const std::string& session_id) const {
  v1::ClientMessage message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_identity(crypto::ToString(identity.public_key().bytes()));
  hello.set_task_id(task_id);
  hello.set_session_id(session_id);
  hello.set_protocol_version(limits::kProtocolVersion);
  const crypto::Digest digest =
      crypto::HelloSignatureDigest(crypto::AsBytes(nonce_), crypto::AsBytes(task_id),
                                   crypto::AsBytes(session_id), identity.public_key());
  hello.set_signature(
      crypto::ToString(crypto::Sign(identity, crypto::kLabelHelloSignature, digest).bytes()));
  return message;
}

void TestStream::Join(const crypto::IdentityKeyPair& identity, const std::string& task_id,
                      const std::string& session_id) {
  ASSERT_TRUE(Read().has_challenge());
  Write(Hello(identity, task_id, session_id));
}

v1::ServerMessage TestStream::ReadAny() {
  v1::ServerMessage message;
  if (!stream_->Read(&message)) return {};
  if (message.has_challenge()) nonce_ = message.challenge().nonce();
  return message;
}

v1::ServerMessage TestStream::Read() {
  while (true) {
    v1::ServerMessage message = ReadAny();
    if (!message.has_progress() && !message.has_waiting()) return message;
  }
}

absl::Status TestStream::Finish() {
  stream_->WritesDone();
  v1::ServerMessage rest;
  while (stream_->Read(&rest)) {
  }
  finished_ = true;
  return FromGrpcStatus(stream_->Finish());
}

}  // namespace veilsum::aggregator
