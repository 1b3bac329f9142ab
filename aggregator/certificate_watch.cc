// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/certificate_watch.h"

#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "aggregator/server_options.h"
#include "crypto/certificates/certificate_authority.h"
#include "spdlog/spdlog.h"

namespace veilsum::aggregator {
namespace {

// After a warning there is time to act.
constexpr absl::Duration kExpiryWarning = absl::Hours(14 * 24);

// Into the metrics, and said where it ends soon.
void ReportCertificate(metrics::Recorder& recorder, metrics::Certificate which,
                       absl::string_view name, const std::string& pem) {
  const absl::StatusOr<absl::Time> ends = crypto::NotAfter(pem);
  if (!ends.ok()) return;  // None; or one that the server has refused already.
  recorder.CertificateExpiry(which, absl::ToDoubleSeconds(*ends - absl::UnixEpoch()));
  if (*ends - absl::Now() < kExpiryWarning) {
    spdlog::warn("{} ends {}: renew it", std::string(name), absl::FormatTime(*ends));
  }
}

void ReportCertificates(metrics::Recorder& recorder, const ServerTls& tls) {
  bool valid = true;
  if (tls.participants.has_value()) {
    const absl::StatusOr<absl::Time> ends = crypto::NotAfter(tls.participants->certificate_chain);
    valid = ends.ok() && *ends > absl::Now();
    ReportCertificate(recorder, metrics::Certificate::kServer, "the server's certificate",
                      tls.participants->certificate_chain);
    ReportCertificate(recorder, metrics::Certificate::kClientAuthority,
                      "the certificate of the clients' authority", tls.participants->client_ca);
  }
  if (tls.operators.has_value()) {
    ReportCertificate(recorder, metrics::Certificate::kOperator, "the operator's certificate",
                      tls.operators->client_ca);
  }
  recorder.Ready(metrics::Check::kCertificate, valid);
}

CertificateReloader::Steps ReloadSteps(const Config& config, AggregatorServer& server,
                                       metrics::Recorder& recorder) {
  CertificateReloader::Steps steps;
  steps.load = [&config] { return LoadServerTls(config); };
  steps.take_over = [&server](const ServerTls& tls) {
    return server.ReplaceTls(tls.participants, tls.operators);
  };
  steps.taken_over = [&recorder](const ServerTls& tls) {
    spdlog::info("certificates: new connections get those that the files hold now");
    ReportCertificates(recorder, tls);
  };
  steps.refused = [](const absl::Status& why) {
    spdlog::error(
        "certificates: the files have changed and are no use, so those from before stay "
        "in use: {}",
        std::string(why.message()));
  };
  return steps;
}

}  // namespace

ServerTls TlsOf(const ServerOptions& options) {
  return {options.participants.tls,
          options.operators.has_value() ? options.operators->tls : std::nullopt};
}

CertificateWatch::CertificateWatch(const Config& config, ServerTls present,
                                   AggregatorServer& server, metrics::Recorder& recorder)
    : reloader_(present, ReloadSteps(config, server, recorder)) {
  ReportCertificates(recorder, present);
}

}  // namespace veilsum::aggregator
