// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0
//
// BoringSSL and the OpenSSL inside gRPC define the same symbols. Both must work in one process,
// which they do as long as BoringSSL is linked statically and exports nothing.

#include <dlfcn.h>
#include <grpcpp/grpcpp.h>
#include <openssl/base.h>
#include <openssl/curve25519.h>
#include <openssl/hkdf.h>
#include <openssl/hrss.h>
#include <openssl/sha.h>

#include <array>
#include <cstdint>
#include <future>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "tests/platform/echo.grpc.pb.h"
#include "tests/platform/self_signed.h"

#ifndef OPENSSL_IS_BORINGSSL
#error "The system's OpenSSL headers were found instead of BoringSSL's"
#endif

namespace veilsum::platform {
namespace {

using tests::platform::Echo;
using tests::platform::Message;

class EchoService final : public Echo::CallbackService {
  grpc::ServerUnaryReactor* Send(grpc::CallbackServerContext* context, const Message* request,
                                 Message* response) override {
    response->set_body(request->body());
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

// A gRPC server on a free port of the loopback with TLS, and a channel to it.
class TlsEcho {
 public:
  explicit TlsEcho(const SelfSigned& identity) {
    grpc::SslServerCredentialsOptions server_options;
    server_options.pem_key_cert_pairs.push_back(
        {identity.private_key_pem, identity.certificate_pem});
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("localhost:0", grpc::SslServerCredentials(server_options), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    grpc::SslCredentialsOptions client_options;
    client_options.pem_root_certs = identity.certificate_pem;
    stub_ = Echo::NewStub(grpc::CreateChannel(absl::StrCat("localhost:", port),
                                              grpc::SslCredentials(client_options)));
  }

  grpc::Status Send(const std::string& body, Message* response) {
    grpc::ClientContext context;
    Message request;
    request.set_body(body);
    std::promise<grpc::Status> done;
    stub_->async()->Send(&context, &request, response,
                         [&done](grpc::Status status) { done.set_value(std::move(status)); });
    return done.get_future().get();
  }

 private:
  EchoService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Echo::Stub> stub_;
};

std::string Sha256Hex(absl::string_view text) {
  std::array<uint8_t, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const uint8_t*>(text.data()), text.size(), digest.data());
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

// FIPS 180-4, example of SHA-256 on "abc".
TEST(BoringSslBesideGrpc, Sha256IsRightBeforeAndAfterTlsCall) {
  constexpr absl::string_view kAbcDigest =
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(Sha256Hex("abc"), kAbcDigest);
  const absl::StatusOr<SelfSigned> identity = MakeSelfSigned();
  ASSERT_TRUE(identity.ok()) << identity.status();
  TlsEcho echo(*identity);
  Message response;
  const grpc::Status status = echo.Send("hello", &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.body(), "hello");
  EXPECT_EQ(Sha256Hex("abc"), kAbcDigest);
}

TEST(BoringSslBesideGrpc, TlsRefusesAnotherCertificate) {
  const absl::StatusOr<SelfSigned> identity = MakeSelfSigned();
  const absl::StatusOr<SelfSigned> other = MakeSelfSigned();
  ASSERT_TRUE(identity.ok() && other.ok());
  TlsEcho echo({other->certificate_pem, identity->private_key_pem});
  Message response;
  EXPECT_FALSE(echo.Send("hello", &response).ok());
}

TEST(BoringSslBesideGrpc, X25519Agrees) {
  std::array<uint8_t, X25519_PRIVATE_KEY_LEN> alice_private, bob_private;
  std::array<uint8_t, X25519_PUBLIC_VALUE_LEN> alice_public, bob_public;
  std::array<uint8_t, X25519_SHARED_KEY_LEN> alice_shared, bob_shared;
  X25519_keypair(alice_public.data(), alice_private.data());
  X25519_keypair(bob_public.data(), bob_private.data());
  ASSERT_TRUE(X25519(alice_shared.data(), alice_private.data(), bob_public.data()));
  ASSERT_TRUE(X25519(bob_shared.data(), bob_private.data(), alice_public.data()));
  EXPECT_EQ(alice_shared, bob_shared);
}

// Where a name is found by the dynamic linker's global search: "" when nowhere.
std::string ObjectOf(const char* symbol) {
  void* const address = dlsym(RTLD_DEFAULT, symbol);
  Dl_info info;
  if (address == nullptr || dladdr(address, &info) == 0) return "";
  return info.dli_fname;
}

TEST(BoringSslBesideGrpc, NoSymbolOfBoringSslIsExported) {
  // Called, so that the linker keeps it; OpenSSL has no such function.
  EXPECT_NE(reinterpret_cast<void*>(&HRSS_generate_key), nullptr);
  EXPECT_EQ(ObjectOf("HRSS_generate_key"), "");
  EXPECT_EQ(ObjectOf("CRYPTO_library_init"), "");
  // Both have these; whoever asks the dynamic linker must get OpenSSL's.
  for (const char* symbol : {"SHA256", "EVP_sha256", "X509_new"}) {
    EXPECT_NE(ObjectOf(symbol).find("libcrypto.so.3"), std::string::npos)
        << symbol << " is in " << ObjectOf(symbol);
  }
  EXPECT_NE(dlsym(RTLD_DEFAULT, "SHA256"), reinterpret_cast<void*>(&SHA256));
}

}  // namespace
}  // namespace veilsum::platform
