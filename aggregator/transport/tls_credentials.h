// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The TLS of one listener, whose certificates can be replaced while it serves.
#ifndef VEILSUM_AGGREGATOR_TRANSPORT_TLS_CREDENTIALS_H_
#define VEILSUM_AGGREGATOR_TRANSPORT_TLS_CREDENTIALS_H_

#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace veilsum::aggregator {

// All in PEM.
struct TlsOptions {
  std::string certificate_chain;
  std::string private_key;
  std::string client_ca;  // Empty: clients' certificates are not looked at.
  bool require_client_certificate = false;

  friend bool operator==(const TlsOptions&, const TlsOptions&) = default;
};

// INVALID_ARGUMENT naming what is no certificate or key. FAILED_PRECONDITION where the private key
// is not the certificate's, as for a moment when the two files are replaced one after the other.
absl::Status CheckTls(const TlsOptions& options);

// gRPC's C++ classes either keep their certificates for ever or watch files by themselves, and
// hand whatever they find there to the handshake. Its C interface asks at each handshake whether
// there is something new, so that only what has been checked is ever served. Thread-safe; outlives
// its server.
class TlsCredentials final : public grpc::ServerCredentials {
 public:
  // Errors as CheckTls; INVALID_ARGUMENT also for what gRPC does not take, such as a short RSA key.
  static absl::StatusOr<std::shared_ptr<TlsCredentials>> Create(TlsOptions options);
  ~TlsCredentials() override;

  // Would Replace take them? Errors as CheckTls; INVALID_ARGUMENT also where clients' certificates
  // would be looked at or required and were not so far, or the other way round.
  absl::Status Check(const TlsOptions& options) const;
  // For handshakes that begin from now on; connections that stand stay. Errors as Check; everything
  // then stays as it was.
  absl::Status Replace(TlsOptions options);

  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>& processor) override;

 private:
  explicit TlsCredentials(TlsOptions options);
  bool AreTaken();
  int AddPortToServer(const std::string& address, grpc_server* server) override;
  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config);

  const grpc_ssl_client_certificate_request_type request_;
  std::mutex mutex_;
  TlsOptions options_;        // Under the mutex.
  bool handed_over_ = false;  // gRPC has what stands in options_. Under the mutex.
  grpc_server_credentials* const credentials_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_TRANSPORT_TLS_CREDENTIALS_H_
