// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/reliability/installation.h"

#include <stdlib.h>

#include <asio.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "crypto/identities/roster_file.h"
#include "crypto/primitives/random.h"

namespace veilsum::reliability {
namespace {

constexpr uint64_t kRosterVersion = 1;
// More than end while nobody reads them: twenty and more a second.
constexpr uint64_t kKeptResults = 4096;

// Nobody else gets one of them meanwhile: all are held at the same time.
std::vector<uint16_t> FreePorts(int count) {
  asio::io_context context;
  std::vector<asio::ip::tcp::acceptor> held;
  std::vector<uint16_t> ports;
  for (int i = 0; i < count; ++i) {
    held.emplace_back(context, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    ports.push_back(held.back().local_endpoint().port());
  }
  return ports;
}

void Write(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  if (file.good()) return;
  std::perror(path.c_str());
  std::abort();
}

std::string PhaseTable(const char* phase, const InstallationOptions& options) {
  return absl::StrCat("[task.", phase, "]\nleast_ms = ", absl::ToInt64Milliseconds(options.least),
                      "\ndeadline_ms = ", absl::ToInt64Milliseconds(options.deadline),
                      "\ntarget_fraction = ", options.target_fraction, "\n");
}

std::string Listener(const char* section, uint16_t port, bool tls) {
  return absl::StrCat(
      "[", section, "]\naddress = \"127.0.0.1:", port, "\"\n",
      tls ? "certificate = \"server.pem\"\nprivate_key = \"server.key\"\n" : "insecure = true\n");
}

// For a test that has the clock jump, too.
std::vector<crypto::CertificateAuthority> Authorities() {
  const absl::Time now = absl::Now();
  const crypto::Validity years = {now - absl::Hours(1), now + absl::Hours(24 * 3650)};
  std::vector<crypto::CertificateAuthority> made;
  made.push_back(*crypto::CertificateAuthority::Create("this authority", years));
  made.push_back(*crypto::CertificateAuthority::Create("the next authority", years));
  return made;
}

}  // namespace

Installation::Installation(std::string folder, InstallationOptions options)
    : folder_(std::move(folder)),
      options_(std::move(options)),
      ports_(FreePorts(3)),
      authorities_(Authorities()) {
  crypto::RosterFile roster{kRosterVersion, {}};
  for (int i = 0; i < options_.clients; ++i) {
    identities_.push_back(std::make_shared<const crypto::IdentityKeyPair>(
        crypto::IdentityKeyPair::Generate(crypto::RandomBytes)));
    roster.names[identities_.back()->public_key()] = absl::StrCat("client-", i);
  }
  Write(absl::StrCat(folder_, "/roster.toml"), crypto::FormatRosterFile(roster));
  std::string config = absl::StrCat(
      Listener("server", participant_port(), options_.tls), "threads = 2\n",
      durable() ? absl::StrCat("data_directory = \"", options_.data_directory, "\"\n") : "",
      Listener("operator", operator_port(), false), "[admin]\naddress = \"127.0.0.1:", admin_port(),
      "\"\n", "[identities]\nroster = \"roster.toml\"\n[limits]\nkept_results = ", kKeptResults,
      "\n", durable() ? "least_free_bytes = 65536\n" : "", "[[task]]\nid = \"", kTask,
      "\"\ndimension = ", options_.dimension, "\nclip = 1.0\nmax_clients = ", options_.clients,
      "\nquantisation_bits = ", kQuantisationBits, "\nmax_weight = ", kMaxWeight,
      "\nmin_survivors = ", options_.min_survivors,
      "\ncorruption_rate = 0.1\ndropout_rate = ", options_.dropout_rate,
      "\naudience = \"both\"\nsessions_on_demand = true\n");
  for (const char* phase :
       {"advertise_keys", "share_keys", "masked_input", "consistency_check", "unmasking"}) {
    config += PhaseTable(phase, options_);
  }
  Write(config_file(), config);
  if (options_.tls) WriteCertificate(authorities_[0], absl::Hours(1));
}

void Installation::WriteCertificate(const crypto::CertificateAuthority& authority,
                                    absl::Duration valid) const {
  const absl::Time now = absl::Now();
  const auto made = authority.IssueServer("aggregator", {{"localhost"}, {"127.0.0.1"}},
                                          {now - absl::Hours(1), now + valid});
  if (!made.ok()) std::abort();
  Write(folder_ + "/server.pem", made->certificate_pem);
  Write(folder_ + "/server.key", crypto::ToString(crypto::ExposeSecret(made->private_key_pem)));
}

void Installation::RenewCertificate(absl::Duration valid) const {
  WriteCertificate(authorities_[1], valid);
}

client::ChannelOptions Installation::channel_options(uint16_t port) const {
  client::ChannelOptions channel;
  channel.target = absl::StrCat("127.0.0.1:", port);
  channel.insecure = !options_.tls;
  if (options_.tls) channel.root_certificates_pem = authority_pem(0) + authority_pem(1);
  return channel;
}

client::SessionPolicy Installation::policy() const {
  client::IdentityRoster roster{kRosterVersion, {}};
  for (const auto& identity : identities_) roster.identities.insert(identity->public_key());
  client::SessionPolicy policy;
  policy.identity_root = std::make_shared<const client::IdentityRoot>(std::move(roster));
  policy.accept_unbound_model = true;
  return policy;
}

std::string NewFolder(const std::string& name) {
  const char* below = std::getenv("TEST_TMPDIR");
  std::string path = absl::StrCat(below == nullptr ? "/tmp" : below, "/veilsum-", name, "-XXXXXX");
  if (mkdtemp(path.data()) != nullptr) return path;
  std::perror(path.c_str());
  std::abort();
}

}  // namespace veilsum::reliability
