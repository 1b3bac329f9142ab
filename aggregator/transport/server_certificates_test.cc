// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Certificates that are replaced under a server that serves, over real TLS.

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "aggregator/transport/server_testing.h"
#include "crypto/certificates/certificate_authority.h"
#include "proto/rpc_error/rpc_error.h"

namespace veilsum::aggregator {
namespace {

struct Pem {
  std::string certificate;
  std::string key;
};

Pem PemOf(const absl::StatusOr<crypto::CertificateWithKey>& made) {
  if (!made.ok()) ADD_FAILURE() << made.status();
  return {made->certificate_pem, crypto::ToString(crypto::ExposeSecret(made->private_key_pem))};
}

crypto::Validity Validity() {
  const absl::Time now = absl::Now();
  return {now - absl::Hours(1), now + absl::Hours(1)};
}

class ServerCertificatesTest : public ::testing::Test {
 protected:
  // What a client says that trusts `authority` alone: OK, or why there is no connection.
  absl::Status Greet(const std::string& authority) {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = authority;
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto stub = v1::ParticipantService::NewStub(grpc::CreateCustomChannel(
        server_.participant_target(), grpc::SslCredentials(tls), arguments));
    grpc::ClientContext context;
    const auto stream = stub->Participate(&context);
    v1::ServerMessage message;
    if (stream->Read(&message)) {
      context.TryCancel();
      stream->Finish();
      return absl::OkStatus();
    }
    return FromGrpcStatus(stream->Finish());
  }

  // As the operator whose certificate this is.
  absl::Status Operate(const Pem& pair, const std::string& authority) {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = authority;
    tls.pem_cert_chain = pair.certificate;
    tls.pem_private_key = pair.key;
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto stub = v1::OperatorService::NewStub(
        grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", server_->ports().operators),
                                  grpc::SslCredentials(tls), arguments));
    grpc::ClientContext context;
    v1::ListTasksResponse tasks;
    return FromGrpcStatus(stub->ListTasks(&context, {}, &tasks));
  }

  Pem NewServerPair() {
    return PemOf(authority_.IssueServer("aggregator", {{"localhost"}, {"127.0.0.1"}}, Validity()));
  }

  TestServer server_;
  const crypto::CertificateAuthority authority_ =
      *crypto::CertificateAuthority::Create("the next authority", Validity());
};

TEST_F(ServerCertificatesTest, NewConnectionsSeeTheNewOneAndOldStreamsLive) {
  TestStream old_stream(server_);
  old_stream.Join(TestIdentity(1), "task");
  ASSERT_TRUE(old_stream.Read().has_offer());
  EXPECT_TRUE(Greet(server_.authority_pem()).ok());
  EXPECT_FALSE(Greet(authority_.certificate_pem()).ok());

  const Pem pair = NewServerPair();
  const TlsOptions tls = {pair.certificate, pair.key, "", false};
  ASSERT_TRUE(server_->ReplaceTls(tls, std::nullopt).ok());

  EXPECT_FALSE(Greet(server_.authority_pem()).ok());
  EXPECT_TRUE(Greet(authority_.certificate_pem()).ok());
  // Refused, and so heard and answered, by the stream from before.
  old_stream.Write(v1::ClientMessage());
  EXPECT_TRUE(old_stream.Read().has_refused());
}

TEST_F(ServerCertificatesTest, AnotherOperatorTakesOver) {
  const Pem next = PemOf(crypto::MakeSelfSignedClient("the next operator", Validity()));
  EXPECT_FALSE(Operate(next, authority_.certificate_pem()).ok());
  const Pem pair = NewServerPair();
  const TlsOptions tls = {pair.certificate, pair.key, next.certificate, true};
  ASSERT_TRUE(server_->ReplaceTls(std::nullopt, tls).ok());
  const absl::Status heard = Operate(next, authority_.certificate_pem());
  EXPECT_TRUE(heard.ok()) << heard;
  EXPECT_FALSE(Operate({}, authority_.certificate_pem()).ok());
  grpc::ClientContext context;
  v1::ListTasksResponse tasks;
  EXPECT_FALSE(server_.Operator()->ListTasks(&context, {}, &tasks).ok());
}

TEST_F(ServerCertificatesTest, WhatIsNotGoodChangesNothing) {
  const Pem pair = NewServerPair();
  const TlsOptions good = {pair.certificate, pair.key, "", false};
  const TlsOptions no_pair = {pair.certificate, NewServerPair().key, "", false};
  EXPECT_EQ(server_->ReplaceTls(no_pair, std::nullopt).code(),
            absl::StatusCode::kFailedPrecondition);
  const TlsOptions half = {pair.certificate.substr(0, 200), pair.key, "", false};
  EXPECT_EQ(server_->ReplaceTls(half, std::nullopt).code(), absl::StatusCode::kInvalidArgument);
  // One of two: neither is taken over.
  EXPECT_FALSE(server_->ReplaceTls(good, half).ok());
  // Whoever is to be asked for a certificate still is.
  EXPECT_FALSE(server_->ReplaceTls(std::nullopt, good).ok());
  EXPECT_TRUE(Greet(server_.authority_pem()).ok());
  EXPECT_FALSE(Greet(authority_.certificate_pem()).ok());
}

}  // namespace
}  // namespace veilsum::aggregator
