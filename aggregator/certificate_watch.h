// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The process's TLS certificates, from the configuration's files to server and metrics, as long as
// it runs.
#ifndef VEILSUM_AGGREGATOR_CERTIFICATE_WATCH_H_
#define VEILSUM_AGGREGATOR_CERTIFICATE_WATCH_H_

#include <functional>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
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
  // whether the server's is. `now` is the wall clock, which may jump.
  CertificateWatch(const Config& config, ServerTls present, AggregatorServer& server,
                   metrics::Recorder& recorder, std::function<absl::Time()> now = absl::Now);
  CertificateWatch(const CertificateWatch&) = delete;
  CertificateWatch& operator=(const CertificateWatch&) = delete;

  // Once; call it every now and then. The server takes over what is new and good, and it is
  // reported; the log says what is new and is not, and once what ends soon or has ended. A server
  // whose own certificate has ended is not ready.
  void Look();

 private:
  enum class Stage { kGood, kEndsSoon, kOver };
  struct Watched {
    metrics::Certificate which;
    const char* name;
    absl::Time ends;
    Stage said = Stage::kGood;
  };

  CertificateReloader::Steps Steps(const Config& config, AggregatorServer& server);
  void Take(const ServerTls& tls);
  void Watch(metrics::Certificate which, const char* name, const std::string& pem);
  void CompareWithClock();

  metrics::Recorder& recorder_;
  const std::function<absl::Time()> now_;
  std::vector<Watched> watched_;
  CertificateReloader reloader_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_CERTIFICATE_WATCH_H_
