// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// What `veilsum enroll …` does once the command line was understood: keys, rosters, enrolments and
// certificates, so that a private key never leaves the machine where it was made.
#ifndef VEILSUM_AGGREGATOR_CLI_ENROLL_ACTIONS_H_
#define VEILSUM_AGGREGATOR_CLI_ENROLL_ACTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "aggregator/cli/console.h"

namespace veilsum::aggregator::cli {

struct EnrollFlags {
  std::string file;                 // What is made, changed or shown.
  std::string other;                // The second file of those that make or take two.
  std::string authority;            // The enrolment authority's private or public key file.
  std::string identity;             // 64 hexadecimal digits.
  uint64_t version = 0;             // Of the roster.
  std::vector<std::string> add;     // NAME=IDENTITY
  std::vector<std::string> rotate;  // NAME=IDENTITY
  std::vector<std::string> revoke;  // NAME
  std::string name;                 // A certificate's common name.
  std::string ca;                   // The TLS authority's certificate and private key files.
  std::string ca_key;
  std::vector<std::string> hosts;  // Of a server's certificate; empty: it is a client's.
  int days = 825;
};

// Each prints the one thing that scripts want on console.out, and what to do next on console.err.
// Errors are INVALID_ARGUMENT (a flag or file is wrong) and ALREADY_EXISTS (a file is in the way).

// A new identity key into `file`; prints the identity.
absl::Status MakeIdentity(const EnrollFlags& flags, Console& console);
// A new authority's private key into `file` and its public key into `other`; prints the latter.
absl::Status MakeEnrolmentAuthority(const EnrollFlags& flags, Console& console);
// `authority` (private) signs `identity` for `version`, into `file`.
absl::Status SignIdentity(const EnrollFlags& flags, Console& console);
// Writes version 1 of the roster `file`, or the next version of the one that is there.
absl::Status ChangeRosterFile(const EnrollFlags& flags, Console& console);
// A new TLS key into `file`, and a request for a certificate of `name` into `other`.
absl::Status MakeTlsRequest(const EnrollFlags& flags, Console& console);
// The TLS authority's certificate for the request `file`, into `other`.
absl::Status SignTlsRequest(const EnrollFlags& flags, Console& console);
// What is in `file`, without its secrets. With `authority` (public): does it vouch for that?
absl::Status ShowFile(const EnrollFlags& flags, Console& console);

}  // namespace veilsum::aggregator::cli

#endif  // VEILSUM_AGGREGATOR_CLI_ENROLL_ACTIONS_H_
