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
#include "aggregator/transport/tls_credentials.h"
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

// RSA of 1024 bits, too few for gRPC's TLS.
constexpr char kShortCertificate[] = R"(-----BEGIN CERTIFICATE-----
MIIB/DCCAWWgAwIBAgIUCT+wS7x9D0C0PLWJ84DPGUavzRIwDQYJKoZIhvcNAQEL
BQAwDzENMAsGA1UEAwwEd2VhazAgFw0yNjExMjMwMTM4MDBaGA8yMTI2MTAzMDAx
MzgwMFowDzENMAsGA1UEAwwEd2VhazCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkC
gYEA5ZM6J85cN9UuSLRn1YSzSRS2lmA5NAH7I1Z0AOH5unPGh8CgNNal8O6t/juo
a35SSQGYIs65TN+oH8GZyj2Sai3PhIvqX7GnO5MUudrCjeEN+gOOPv1gluNZ5ss4
3N/T7XluXGAQfe/FeneiGNpxfsccB7xEVA/Gu+ppNW63ny0CAwEAAaNTMFEwHQYD
VR0OBBYEFNKCZhVhKC+YJlBOxOSkGBP5wrAcMB8GA1UdIwQYMBaAFNKCZhVhKC+Y
JlBOxOSkGBP5wrAcMA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADgYEA
vKSFBiS4owLBtOYPl986pIyqygkKzLJ5EEB4/+AGeHXxF+4YP12z+jwoFxkPoZKR
wFG+CgdKa+u7XhlghAUWSGcgzCpiB1lLaQwtwWAcbpkv8PQGzKzh06xGcq9jYfCb
HxAa/4fTOPMlot496IBkvLfoAb9wYPC0kexEwoT2lns=
-----END CERTIFICATE-----
)";
constexpr char kShortKey[] = R"(-----BEGIN PRIVATE KEY-----
MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAOWTOifOXDfVLki0
Z9WEs0kUtpZgOTQB+yNWdADh+bpzxofAoDTWpfDurf47qGt+UkkBmCLOuUzfqB/B
mco9kmotz4SL6l+xpzuTFLnawo3hDfoDjj79YJbjWebLONzf0+15blxgEH3vxXp3
ohjacX7HHAe8RFQPxrvqaTVut58tAgMBAAECgYBDg1WB6UzzWmz/EpbKkvjKkB3W
ATwxUDfTv5PjwpDXRT7oIzy57TnlrbtbXZ385qw6Lg7YhaS2t7tQg3W/pPXOVzlb
wYcetioTHSE/4tBqkXiiYRI/j61+0Wy8Tiin3ZHeX5iRxAKU3Ln18SkGlwY1eJZt
Z9oNvGXPZ2m5LJlN/QJBAPq82q0UHoeKwVdmjBsG/UvW7I5C/6NZxDa0FZLkTN7P
eoiQovqVRB2YrKmUMb22S3H3nhh4IekCrwRifl2HVw8CQQDqZKwJfWA+F2m7rqS1
im0vhN2JooipHKPafiG6itzGlvj/kiqqKYnEKfqlaMYhWzm5bdBMk5OgzRymJbxq
dMYDAkEA00QVLQhqwOIVDkOFgbBd9GzfXO7u3wBf54fNNbvPWV2QbUkRSfpDLnzZ
3vjTAHp9D0YIm619RQvR0+v5dWz32QJAfoeN3ymRNLOK3kfunhl1y3sb5FqbDz9o
rF/+cSbY+1MwYzZSVb1Ko1xN89DVc9g9Fv5SvaPEw781wfMI/SbAZQJBANiDrRhC
at2BHT49lBVht+etNo+UdaXUb97YJ/sp/6z54rG525uJfk9U8IFvrDLIsharRFVz
dvuTRcl/tCb6CkE=
-----END PRIVATE KEY-----
)";

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

// Its server would say nothing of that, and serve nobody.
TEST_F(ServerCertificatesTest, WhatGrpcDoesNotTakeIsRefused) {
  const TlsOptions tls = {kShortCertificate, kShortKey, "", false};
  ASSERT_TRUE(CheckTls(tls).ok()) << CheckTls(tls);
  EXPECT_EQ(TlsCredentials::Create(tls).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace veilsum::aggregator
