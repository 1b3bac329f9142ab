// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Certificates are renewed while the aggregator runs. Looks at their files now and then, and has
// the server take over what is new there; what is not good is left where it is, and the server goes
// on with what it has.
#ifndef VEILSUM_AGGREGATOR_CERTIFICATE_RELOADER_H_
#define VEILSUM_AGGREGATOR_CERTIFICATE_RELOADER_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aggregator/transport/tls_credentials.h"

namespace veilsum::aggregator {

// Of both listeners; nothing: no TLS there, or no such listener.
struct ServerTls {
  std::optional<TlsOptions> participants;
  std::optional<TlsOptions> operators;

  friend bool operator==(const ServerTls&, const ServerTls&) = default;
};

// From one thread.
class CertificateReloader {
 public:
  struct Steps {
    std::function<absl::StatusOr<ServerTls>()> load;
    // Everything or nothing.
    std::function<absl::Status(const ServerTls&)> take_over;
    // Once for each change that was taken over.
    std::function<void(const ServerTls&)> taken_over;
    // Why the server goes on with what it has; once for each trouble that lasts from one look to
    // the next. Tools write the certificate and its key one after the other, and not at a stroke,
    // so what is wrong at one look may well be good at the next.
    std::function<void(const absl::Status&)> refused;
  };

  // `present`: what the server was started with.
  CertificateReloader(ServerTls present, Steps steps);

  // Once.
  void Look();

 private:
  absl::Status TakeOverWhatIsNew();

  ServerTls present_;
  const Steps steps_;
  absl::Status trouble_;  // Of the last look.
  bool said_ = false;     // It was.
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_CERTIFICATE_RELOADER_H_
