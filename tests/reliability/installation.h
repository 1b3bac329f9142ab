// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A folder with all that an aggregator and its clients need: identities, their roster, and a
// configuration with ports of this machine. For tests only.
#ifndef VEILSUM_TESTS_RELIABILITY_INSTALLATION_H_
#define VEILSUM_TESTS_RELIABILITY_INSTALLATION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client_sdk/protocol/session_policy.h"
#include "client_sdk/transport/channel.h"
#include "crypto/certificates/certificate_authority.h"
#include "crypto/primitives/identity.h"

namespace veilsum::reliability {

struct InstallationOptions {
  int clients = 5;
  uint64_t dimension = 1000;
  uint32_t min_survivors = 3;
  double dropout_rate = 0.2;
  // When a phase closes before everybody answered.
  absl::Duration least = absl::Milliseconds(500);
  absl::Duration deadline = absl::Seconds(20);
  double target_fraction = 1.0;
  // Empty: the aggregator keeps everything in memory. Relative to the folder.
  std::string data_directory{};
  // For participants; the operator's and the admin's listeners are open to this machine.
  bool tls = false;
};

// Thread-safe.
class Installation {
 public:
  static constexpr char kTask[] = "inputs";
  static constexpr uint32_t kQuantisationBits = 8;
  static constexpr uint64_t kMaxWeight = 8;

  // Writes it all into a folder, which must be there. Ends the test program where that fails.
  Installation(std::string folder, InstallationOptions options);

  const std::string& folder() const { return folder_; }
  const InstallationOptions& options() const { return options_; }
  std::string config_file() const { return folder_ + "/aggregator.toml"; }
  bool durable() const { return !options_.data_directory.empty(); }
  std::string data_directory() const { return folder_ + "/" + options_.data_directory; }

  uint16_t participant_port() const { return ports_[0]; }
  uint16_t operator_port() const { return ports_[1]; }
  uint16_t admin_port() const { return ports_[2]; }

  const std::shared_ptr<const crypto::IdentityKeyPair>& identity(int client) const {
    return identities_[client];
  }
  // With TLS: another certificate, of another authority, in the place of the one that the
  // aggregator has now. Good until so much after now, by this process's clock.
  void RenewCertificate(absl::Duration valid = absl::Hours(1)) const;
  // What a client trusts who has not heard of a new authority (0), or of no other (1).
  std::string authority_pem(int which) const { return authorities_[which].certificate_pem(); }

  // To the participants' listener, or to a proxy before it. Clients trust both authorities.
  client::ChannelOptions channel_options(uint16_t port) const;
  // Of every client; sessions are bound to no model.
  client::SessionPolicy policy() const;

 private:
  void WriteCertificate(const crypto::CertificateAuthority& authority, absl::Duration valid) const;

  const std::string folder_;
  const InstallationOptions options_;
  std::vector<uint16_t> ports_;
  std::vector<std::shared_ptr<const crypto::IdentityKeyPair>> identities_;
  const std::vector<crypto::CertificateAuthority> authorities_;
};

// A new folder below the test's own, or below /tmp.
std::string NewFolder(const std::string& name);

}  // namespace veilsum::reliability

#endif  // VEILSUM_TESTS_RELIABILITY_INSTALLATION_H_
