// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/certificate_watch.h"

#include <string>
#include <utility>

#include "aggregator/server_options.h"
#include "crypto/certificates/certificate_authority.h"
#include "spdlog/spdlog.h"

namespace veilsum::aggregator {
namespace {

// After a warning there is time to act.
constexpr absl::Duration kExpiryWarning = absl::Hours(14 * 24);

}  // namespace

ServerTls TlsOf(const ServerOptions& options) {
  return {options.participants.tls,
          options.operators.has_value() ? options.operators->tls : std::nullopt};
}

CertificateWatch::CertificateWatch(const Config& config, ServerTls present,
                                   AggregatorServer& server, metrics::Recorder& recorder,
                                   std::function<absl::Time()> now)
    : recorder_(recorder), now_(std::move(now)), reloader_(present, Steps(config, server)) {
  Take(present);
}

void CertificateWatch::Look() {
  reloader_.Look();
  CompareWithClock();
}

CertificateReloader::Steps CertificateWatch::Steps(const Config& config, AggregatorServer& server) {
  CertificateReloader::Steps steps;
  steps.load = [&config] { return LoadServerTls(config); };
  steps.take_over = [&server](const ServerTls& tls) {
    return server.ReplaceTls(tls.participants, tls.operators);
  };
  steps.taken_over = [this](const ServerTls& tls) {
    spdlog::info("certificates: new connections get those that the files hold now");
    Take(tls);
  };
  steps.refused = [](const absl::Status& why) {
    spdlog::error(
        "certificates: the files have changed and are no use, so those from before stay "
        "in use: {}",
        std::string(why.message()));
  };
  return steps;
}

void CertificateWatch::Take(const ServerTls& tls) {
  watched_.clear();
  if (tls.participants.has_value()) {
    Watch(metrics::Certificate::kServer, "the server's certificate",
          tls.participants->certificate_chain);
    Watch(metrics::Certificate::kClientAuthority, "the certificate of the clients' authority",
          tls.participants->client_ca);
  }
  if (tls.operators.has_value()) {
    Watch(metrics::Certificate::kOperator, "the operator's certificate", tls.operators->client_ca);
  }
  CompareWithClock();
}

void CertificateWatch::Watch(metrics::Certificate which, const char* name, const std::string& pem) {
  const absl::StatusOr<absl::Time> ends = crypto::NotAfter(pem);
  if (!ends.ok()) return;  // None; or one that the server has refused already.
  recorder_.CertificateExpiry(which, absl::ToDoubleSeconds(*ends - absl::UnixEpoch()));
  watched_.push_back({which, name, *ends});
}

void CertificateWatch::CompareWithClock() {
  const absl::Time now = now_();
  bool valid = true;
  for (Watched& one : watched_) {
    const Stage stage = one.ends <= now                   ? Stage::kOver
                        : one.ends - now < kExpiryWarning ? Stage::kEndsSoon
                                                          : Stage::kGood;
    if (one.which == metrics::Certificate::kServer) valid = stage != Stage::kOver;
    if (std::exchange(one.said, stage) == stage) continue;
    const std::string when = absl::FormatTime(one.ends);
    if (stage == Stage::kEndsSoon) spdlog::warn("{} ends {}: renew it", one.name, when);
    if (stage == Stage::kOver) {
      spdlog::error("{} has ended {}, so peers refuse it: renew it, or set the clock right",
                    one.name, when);
    }
  }
  recorder_.Ready(metrics::Check::kCertificate, valid);
}

}  // namespace veilsum::aggregator
