// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/cli/starting_files.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "crypto/certificates/identity_pem.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/identity.h"
#include "crypto/primitives/random.h"
#include "proto/limits.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator::cli {
namespace {

constexpr char kAggregatorToml[] =
    R"(# Made by `veilsum init`. deploy/aggregator.toml of the sources explains every key.
# Relative paths start at this file's folder.

[server]
# Where clients connect. "0.0.0.0:7443" takes connections from other machines too; the names and
# addresses that they may use are in the certificate (`veilsum init --host`).
address = "127.0.0.1:7443"
certificate = "tls/server.pem"
private_key = "tls/server.key"
client_ca = "tls/authority.pem"
require_client_certificate = true

[operator]
# Where `veilsum task …` and `veilsum session …` connect; only the operator's certificate may.
address = "127.0.0.1:7444"
client_ca = "tls/operator.pem"

[admin]
# /metrics, /healthz and /readyz, without TLS.
address = "127.0.0.1:9464"

[identities]
file = "identities.toml"

[[task]]
id = "example"
# Elements of a client's vector, and the greatest magnitude of one.
dimension = 1000
clip = 1.0
# The greatest weight of one client, for example its number of examples.
max_weight = 1000
max_clients = %d
# The least number of inputs in a published sum.
min_survivors = %d
# At most this fraction of the clients is in league with the aggregator, and vanishes.
corruption_rate = 0.1
dropout_rate = 0.1
graph = "%s"
audience = "both"
)";

constexpr char kOperatorToml[] =
    R"(# Made by `veilsum init`: how `veilsum` reaches the aggregator, by the names of its flags.
# Relative paths start at this file's folder.
operator = "127.0.0.1:7444"
ca = "tls/authority.pem"
certificate = "tls/operator.pem"
key = "tls/operator.key"
)";

constexpr char kIdentitiesHead[] = R"(# Who may take part: name = Ed25519 public key.
# `veilsum init` made these keys to try things out. In earnest each participant makes its own and
# hands over the public part alone, by a way that the aggregator does not control: whoever mints
# the identities can take every seat.
[identities]
)";

class FileMaker {
 public:
  explicit FileMaker(const StartingRequest& request) : request_(request) {}

  absl::StatusOr<std::vector<StartingFile>> Make() {
    absl::StatusOr<crypto::CertificateAuthority> authority =
        crypto::CertificateAuthority::Create("Veilsum development authority", request_.validity);
    if (!authority.ok()) return authority.status();
    Add("tls/authority.pem", authority->certificate_pem());
    AddSecret("tls/authority.key", authority->private_key_pem());
    absl::Status status = AddPair("tls/server.pem", "tls/server.key",
                                  authority->IssueServer("aggregator", Names(), request_.validity));
    status.Update(AddPair("tls/operator.pem", "tls/operator.key",
                          crypto::MakeSelfSignedClient("operator", request_.validity)));
    status.Update(AddClients(*authority));
    if (!status.ok()) return WithReason(std::move(status), v1::REASON_INVALID_ARGUMENT);
    AddConfiguration();
    return std::move(files_);
  }

 private:
  void Add(std::string path, absl::string_view contents) {
    files_.push_back(
        {std::move(path), crypto::SecretBuffer::CopyOf(crypto::AsBytes(contents)), false});
  }
  void AddSecret(std::string path, crypto::SecretBuffer contents) {
    files_.push_back({std::move(path), std::move(contents), true});
  }
  absl::Status AddPair(const std::string& certificate, const std::string& key,
                       absl::StatusOr<crypto::CertificateWithKey> made) {
    if (!made.ok()) return made.status();
    Add(certificate, made->certificate_pem);
    AddSecret(key, std::move(made->private_key_pem));
    return absl::OkStatus();
  }

  crypto::ServerNames Names() const {
    crypto::ServerNames names = {{"localhost"}, {"127.0.0.1", "::1"}};
    for (const std::string& host : request_.hosts) {
      in6_addr address;  // Large enough for both kinds.
      const bool is_address = inet_pton(AF_INET, host.c_str(), &address) == 1 ||
                              inet_pton(AF_INET6, host.c_str(), &address) == 1;
      (is_address ? names.ip_addresses : names.dns_names).push_back(host);
    }
    return names;
  }

  absl::Status AddClients(const crypto::CertificateAuthority& authority) {
    std::string identities = kIdentitiesHead;
    const int digits = std::max<int>(2, absl::StrCat(request_.clients).size());
    for (uint32_t number = 1; number <= request_.clients; ++number) {
      const std::string name = absl::StrFormat("client-%0*d", digits, number);
      const std::string folder = absl::StrCat("clients/", name, "/");
      const crypto::IdentityKeyPair identity =
          crypto::IdentityKeyPair::Generate(crypto::RandomBytes);
      absl::StrAppend(&identities, name, " = \"", identity.public_key().ToHex(), "\"\n");
      AddSecret(folder + "identity.pem", crypto::FormatIdentityPem(identity));
      absl::Status status = AddPair(folder + "certificate.pem", folder + "private_key.pem",
                                    authority.IssueClient(name, request_.validity));
      if (!status.ok()) return status;
    }
    Add("identities.toml", identities);
    return absl::OkStatus();
  }

  void AddConfiguration() {
    const uint32_t n = request_.clients;
    Add("aggregator.toml",
        absl::StrFormat(kAggregatorToml, n, std::max<uint32_t>(2, n / 2 + 1),
                        n > limits::kMaxCompleteClients ? "harary" : "complete"));
    Add("operator.toml", kOperatorToml);
  }

  const StartingRequest& request_;
  std::vector<StartingFile> files_;
};

}  // namespace

absl::StatusOr<std::vector<StartingFile>> MakeStartingFiles(const StartingRequest& request) {
  return FileMaker(request).Make();
}

}  // namespace veilsum::aggregator::cli
