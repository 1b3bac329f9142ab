// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The process's TLS certificates, from the configuration's files to server and metrics, as long as
// it runs.
#ifndef VEILSUM_AGGREGATOR_CERTIFICATE_WATCH_H_
#define VEILSUM_AGGREGATOR_CERTIFICATE_WATCH_H_

#include "aggregator/certificate_reloader.h"
#include "aggregator/config/config.h"
#include "aggregator/server.h"
#include "metrics/recorder.h"

namespace veilsum::aggregator {

// What `options` were loaded with.
ServerTls TlsOf(const ServerOptions& options);

// From one thread. What it is given outlives it.
class CertificateWatch {
 public:
  // Reports `present`, which `server` was started with: until when each certificate is good, and
  // whether the server's is.
  CertificateWatch(const Config& config, ServerTls present, AggregatorServer& server,
                   metrics::Recorder& recorder);

  // Once; call it every now and then. The server takes over what is new and good, and it is
  // reported; the log says what is new and is not.
  void Look() { reloader_.Look(); }

 private:
  CertificateReloader reloader_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_CERTIFICATE_WATCH_H_
