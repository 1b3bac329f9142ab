// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/cli/starting_files.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "aggregator/config/task_rules.h"
#include "crypto/certificates/identity_pem.h"
#include "crypto/graph/parameters.h"
#include "crypto/identities/enrolment.h"
#include "crypto/identities/roster_file.h"
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
# Tasks, sessions, receipts and sums: they outlive a crash. Without it all of that is in memory.
data_directory = "data"

[operator]
# Where `veilsum task …` and `veilsum session …` connect; only the operator's certificate may.
address = "127.0.0.1:7444"
client_ca = "tls/operator.pem"

[admin]
# /metrics, /healthz and /readyz, without TLS.
address = "127.0.0.1:9464"

# Who may take part. The clients check it for themselves, against their own copy.
[identities]
%s

[[task]]
id = "example"
# Elements of a client's vector, and the greatest magnitude of one.
dimension = 1000
clip = 1.0
# The greatest weight of one client, for example its number of examples.
max_weight = 1000
max_clients = %d
# malicious: whatever the aggregator does, it learns nothing but sums.
tier = "malicious"
# The fraction of clients that may be in league with the aggregator (here %s), and of those
# that may vanish.
corruption_rate = 0.1
dropout_rate = 0.1
# The least number of inputs in a published sum: without those of the corrupted, %d at least are
# left. As many clients must stay to the end: of %d
# %s may vanish.
min_survivors = %d
audience = "both"
# Sessions begin when a client asks for one, bound to no model; clients must accept that
# (accept_unbound_model). For training set this to false, begin each session with
# `veilsum session start --task example --model FILE`, and let clients pass the file's SHA-256.
sessions_on_demand = true

# How long a phase waits for a client that has vanished. Short, to try things out; real clients that
# train on real links take the defaults.
[task.advertise_keys]
deadline_ms = 20000
[task.share_keys]
deadline_ms = 10000
[task.masked_input]
deadline_ms = 20000
[task.consistency_check]
deadline_ms = 10000
[task.unmasking]
deadline_ms = 10000
)";

constexpr char kOperatorToml[] =
    R"(# Made by `veilsum init`: how `veilsum` reaches the aggregator, by the names of its flags.
# Relative paths start at this file's folder.
operator = "127.0.0.1:7444"
ca = "tls/authority.pem"
certificate = "tls/operator.pem"
key = "tls/operator.key"
)";

constexpr char kReadme[] =
    R"(Made by `veilsum init`, to try things out on one machine.

  aggregator.toml       the aggregator's configuration, with a task named "example"
  operator.toml         how `veilsum task …` and `veilsum session …` reach the aggregator
%s  tls/                  the TLS authority, the server's and the operator's certificate
  clients/NAME/         all that one client needs:
    identity.pem          its identity, private; one process at a time uses it
%s    certificate.pem       its TLS certificate
    private_key.pem       the key of that, private
    tls_authority.pem     who signed the server's certificate

In earnest no two of these are made in one place. Each client makes its own private keys and sends
out the public parts alone (`veilsum enroll identity`, `veilsum enroll request`); the consortium,
not the aggregator, %s;
and the clients get that by a way that the aggregator does not control. Whoever makes up identities
can surround a client with clients of its own and read its input off the sum.
)";

// What differs between the two ways of vouching for identities.
struct RootText {
  const char* configuration;
  const char* readme_top;
  const char* readme_client;
  const char* readme_earnest;
};

constexpr RootText kRosterText = {
    "roster = \"roster.toml\"", "  roster.toml           the roster: who may take part\n",
    "    roster.toml           whose identities it believes in: its copy of the roster\n",
    "keeps the roster (`veilsum enroll roster`)"};

constexpr RootText kAuthorityText = {
    "authority = \"enrolment/authority.pem\"\nroster_version = 1",
    "  enrolment/            the enrolment authority: its public and its private key\n",
    "    enrolment_authority.pem   whom it believes: the authority's public key\n"
    "    enrolment.toml        the authority's signature of its own identity\n",
    "keeps the authority's key and signs (`veilsum enroll sign`)"};

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
    AddRoot();
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
    crypto::ServerNames names = ServerNamesOf(request_.hosts);
    names.dns_names.insert(names.dns_names.begin(), "localhost");
    for (const char* address : {"127.0.0.1", "::1"}) names.ip_addresses.emplace_back(address);
    return names;
  }

  absl::Status AddClients(const crypto::CertificateAuthority& authority) {
    const int digits = std::max<int>(2, absl::StrCat(request_.clients).size());
    for (uint32_t number = 1; number <= request_.clients; ++number) {
      const std::string name = absl::StrFormat("client-%0*d", digits, number);
      const std::string folder = absl::StrCat("clients/", name, "/");
      const crypto::IdentityKeyPair identity =
          crypto::IdentityKeyPair::Generate(crypto::RandomBytes);
      roster_.names.emplace(identity.public_key(), name);
      AddSecret(folder + "identity.pem", crypto::FormatIdentityPem(identity));
      Add(folder + "tls_authority.pem", authority.certificate_pem());
      absl::Status status = AddPair(folder + "certificate.pem", folder + "private_key.pem",
                                    authority.IssueClient(name, request_.validity));
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // Once all identities are there.
  void AddRoot() {
    if (request_.authority) return AddAuthority();
    const std::string roster = crypto::FormatRosterFile(roster_);
    Add("roster.toml", roster);
    for (const auto& [identity, name] : roster_.names) {
      Add(absl::StrCat("clients/", name, "/roster.toml"), roster);
    }
  }

  void AddAuthority() {
    const crypto::IdentityKeyPair authority =
        crypto::IdentityKeyPair::Generate(crypto::RandomBytes);
    const std::string public_pem = crypto::FormatIdentityPublicPem(authority.public_key());
    AddSecret("enrolment/authority.key", crypto::FormatIdentityPem(authority));
    Add("enrolment/authority.pem", public_pem);
    for (const auto& [identity, name] : roster_.names) {
      const std::string folder = absl::StrCat("clients/", name, "/");
      Add(folder + "enrolment_authority.pem", public_pem);
      Add(folder + "enrolment.toml",
          crypto::FormatEnrolmentFile(crypto::SignEnrolment(authority, identity, roster_.version)));
    }
  }

  void AddConfiguration() {
    const RootText& root = request_.authority ? kAuthorityText : kRosterText;
    // More identities than one session has seats take part in turn.
    const uint32_t n = std::min(request_.clients, limits::kMaxCompleteClients);
    const uint32_t corrupted =
        std::max<uint32_t>(1, crypto::FloorOfRate(kDefaultCorruptionRate, n));
    const uint32_t min_survivors = DefaultMinSurvivors(n, kDefaultCorruptionRate);
    const std::string whom =
        corrupted == 1 ? "one client" : absl::StrCat(corrupted, " of the clients");
    const std::string vanishing =
        n == min_survivors ? "none" : absl::StrCat("up to ", n - min_survivors);
    Add("aggregator.toml", absl::StrFormat(kAggregatorToml, root.configuration, n, whom,
                                           min_survivors - corrupted, n, vanishing, min_survivors));
    Add("operator.toml", kOperatorToml);
    Add("README",
        absl::StrFormat(kReadme, root.readme_top, root.readme_client, root.readme_earnest));
  }

  const StartingRequest& request_;
  crypto::RosterFile roster_ = {1, {}};
  std::vector<StartingFile> files_;
};

}  // namespace

crypto::ServerNames ServerNamesOf(const std::vector<std::string>& hosts) {
  crypto::ServerNames names;
  for (const std::string& host : hosts) {
    in6_addr address;  // Large enough for both kinds.
    const bool is_address = inet_pton(AF_INET, host.c_str(), &address) == 1 ||
                            inet_pton(AF_INET6, host.c_str(), &address) == 1;
    (is_address ? names.ip_addresses : names.dns_names).push_back(host);
  }
  return names;
}

absl::StatusOr<std::vector<StartingFile>> MakeStartingFiles(const StartingRequest& request) {
  return FileMaker(request).Make();
}

}  // namespace veilsum::aggregator::cli
