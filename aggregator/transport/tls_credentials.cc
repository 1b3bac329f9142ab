// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/transport/tls_credentials.h"

#include <grpc/grpc.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "crypto/certificates/certificate_authority.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

absl::Status InvalidTls(absl::StatusCode code, absl::string_view what, absl::string_view why) {
  return MakeError(code, v1::REASON_INVALID_ARGUMENT, absl::StrCat(what, ": ", why));
}

grpc_ssl_client_certificate_request_type RequestFor(const TlsOptions& options) {
  if (options.require_client_certificate) {
    return GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
  }
  return options.client_ca.empty() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                   : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
}

}  // namespace

absl::Status CheckTls(const TlsOptions& options) {
  const absl::StatusOr<absl::Time> own = crypto::NotAfter(options.certificate_chain);
  if (!own.ok()) {
    return InvalidTls(own.status().code(), "the server's certificate", own.status().message());
  }
  if (!options.client_ca.empty()) {
    const absl::StatusOr<absl::Time> authority = crypto::NotAfter(options.client_ca);
    if (!authority.ok()) {
      return InvalidTls(authority.status().code(), "the authority of clients' certificates",
                        authority.status().message());
    }
  }
  const absl::Status pair = crypto::CheckKeyPair(options.certificate_chain, options.private_key);
  if (pair.ok()) return pair;
  return InvalidTls(pair.code(), "the server's certificate and private key", pair.message());
}

absl::StatusOr<std::shared_ptr<TlsCredentials>> TlsCredentials::Create(TlsOptions options) {
  if (absl::Status good = CheckTls(options); !good.ok()) return good;
  std::shared_ptr<TlsCredentials> made(new TlsCredentials(std::move(options)));
  if (made->AreTaken()) return made;
  return InvalidTls(
      absl::StatusCode::kInvalidArgument, "the server's certificate",
      "gRPC's TLS refuses it, or the authority of clients' certificates: is a key too "
      "short? The lines before this on standard error say more");
}

TlsCredentials::TlsCredentials(TlsOptions options)
    : request_(RequestFor(options)),
      options_(std::move(options)),
      credentials_(grpc_ssl_server_credentials_create_with_options(
          grpc_ssl_server_credentials_create_options_using_config_fetcher(request_, &Fetch,
                                                                          this))) {}

TlsCredentials::~TlsCredentials() { grpc_server_credentials_release(credentials_); }

absl::Status TlsCredentials::Check(const TlsOptions& options) const {
  if (RequestFor(options) != request_) {
    return InvalidTls(absl::StatusCode::kInvalidArgument, "the authority of clients' certificates",
                      "whether there is one cannot change while the listener serves");
  }
  return CheckTls(options);
}

absl::Status TlsCredentials::Replace(TlsOptions options) {
  if (absl::Status good = Check(options); !good.ok()) return good;
  const std::lock_guard<std::mutex> lock(mutex_);
  options_ = std::move(options);
  handed_over_ = false;
  return absl::OkStatus();
}

// A server to which connections are handed from outside does not say whether it has taken its
// credentials, and forgets the connections if it has not. One that has an address of its own does
// say; this one is never started.
bool TlsCredentials::AreTaken() {
  grpc_completion_queue* queue = grpc_completion_queue_create_for_next(nullptr);
  grpc_server* server = grpc_server_create(nullptr, nullptr);
  grpc_server_register_completion_queue(server, queue, nullptr);
  const std::string address =
      absl::StrCat("unix-abstract:veilsum-", getpid(), "-", reinterpret_cast<uintptr_t>(this));
  const bool taken = AddPortToServer(address, server) != 0;
  const gpr_timespec for_ever = gpr_inf_future(GPR_CLOCK_REALTIME);
  grpc_server_shutdown_and_notify(server, queue, nullptr);
  grpc_completion_queue_next(queue, for_ever, nullptr);
  grpc_server_destroy(server);
  grpc_completion_queue_shutdown(queue);
  while (grpc_completion_queue_next(queue, for_ever, nullptr).type != GRPC_QUEUE_SHUTDOWN) {
  }
  grpc_completion_queue_destroy(queue);
  const std::lock_guard<std::mutex> lock(mutex_);
  handed_over_ = false;  // Not to the server that is meant.
  return taken;
}

int TlsCredentials::AddPortToServer(const std::string& address, grpc_server* server) {
  return grpc_server_add_http2_port(server, address.c_str(), credentials_);
}

// Nothing of ours asks who calls by gRPC's means.
void TlsCredentials::SetAuthMetadataProcessor(
    const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) {}

// Called at the start, and at each handshake.
grpc_ssl_certificate_config_reload_status TlsCredentials::Fetch(
    void* self, grpc_ssl_server_certificate_config** config) {
  auto& credentials = *static_cast<TlsCredentials*>(self);
  const std::lock_guard<std::mutex> lock(credentials.mutex_);
  if (credentials.handed_over_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
  const TlsOptions& options = credentials.options_;
  const grpc_ssl_pem_key_cert_pair pair = {options.private_key.c_str(),
                                           options.certificate_chain.c_str()};
  // This gRPC insists on some authority. Where clients are not asked for a certificate nothing is
  // ever compared with it.
  const std::string& authority =
      options.client_ca.empty() ? options.certificate_chain : options.client_ca;
  *config = grpc_ssl_server_certificate_config_create(authority.c_str(), &pair, 1);
  credentials.handed_over_ = true;
  return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

}  // namespace veilsum::aggregator
