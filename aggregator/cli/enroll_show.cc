// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// `veilsum enroll show`: what a file holds, for people.

#include <sys/stat.h>

#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "aggregator/cli/enroll_actions.h"
#include "aggregator/cli/exit_code.h"
#include "aggregator/cli/key_files.h"
#include "aggregator/files.h"
#include "crypto/certificates/certificate_authority.h"
#include "crypto/certificates/certificate_request.h"
#include "crypto/certificates/identity_pem.h"
#include "crypto/identities/enrolment.h"
#include "crypto/identities/roster_file.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/transcript_hash.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator::cli {
namespace {

using Authorities = std::vector<crypto::IdentityPublicKey>;

absl::Status WrongFile(const std::string& file, absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_INVALID_ARGUMENT,
                   absl::StrCat(file, ": ", text));
}

absl::Status ShowPrivateKey(const std::string& file, absl::string_view pem, std::ostream& out) {
  const absl::StatusOr<crypto::IdentityKeyPair> key = crypto::ParseIdentityPem(pem);
  if (key.ok()) {
    out << "private key of the identity (or enrolment authority) " << key->public_key().ToHex()
        << "\n";
  } else {
    out << "private key, of no identity: for TLS, probably\n";
  }
  struct stat facts;
  if (stat(file.c_str(), &facts) == 0 && (facts.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    out << "Others on this machine may read it: `chmod 600 " << Printable(file) << "`.\n";
  }
  return absl::OkStatus();
}

absl::Status ShowCertificate(const std::string& file, absl::string_view pem, std::ostream& out) {
  const absl::StatusOr<absl::Time> ends = crypto::NotAfter(pem);
  if (!ends.ok()) return WrongFile(file, ends.status().message());
  out << "TLS certificate, valid until " << absl::FormatTime("%Y-%m-%d", *ends, absl::UTCTimeZone())
      << "\n";
  return absl::OkStatus();
}

absl::Status ShowRequest(const std::string& file, absl::string_view pem, std::ostream& out) {
  const absl::StatusOr<std::string> name = crypto::CommonNameOfRequest(pem);
  if (!name.ok()) return WrongFile(file, name.status().message());
  out << "request for a TLS certificate of the name \"" << *name << "\"\n";
  return absl::OkStatus();
}

absl::Status ShowPublicKeys(const std::string& file, absl::string_view pem, std::ostream& out) {
  const absl::StatusOr<Authorities> keys = crypto::ParseAuthorityPem(pem);
  if (!keys.ok()) return WrongFile(file, keys.status().message());
  for (const crypto::IdentityPublicKey& key : *keys) {
    out << "public key of the identity or enrolment authority " << key.ToHex() << "\n";
  }
  return absl::OkStatus();
}

absl::Status ShowEnrolment(const crypto::Enrolment& enrolment, const Authorities& authorities,
                           std::ostream& out) {
  out << "enrolment of the identity " << enrolment.identity.ToHex() << "\nfor roster version "
      << enrolment.version << "\n";
  if (authorities.empty()) {
    out << "Whose signature it is was not checked: give --authority FILE.\n";
    return absl::OkStatus();
  }
  absl::Status checked = crypto::CheckEnrolment(authorities, enrolment.identity, enrolment.version,
                                                enrolment.signature.bytes());
  if (!checked.ok()) {
    return MakeError(absl::StatusCode::kFailedPrecondition, v1::REASON_NOT_ENROLLED,
                     checked.message());
  }
  out << "signed by this authority\n";
  return absl::OkStatus();
}

void ShowRoster(const crypto::RosterFile& roster, absl::string_view text, std::ostream& out) {
  out << "roster, version " << roster.version << ", " << roster.names.size() << " identities\n";
  for (const auto& [identity, name] : roster.names) {
    out << "  " << identity.ToHex() << "  " << Printable(name) << "\n";
  }
  const crypto::Digest digest = crypto::Sha256(crypto::AsBytes(text));
  out << "SHA-256 of the file, to compare with the others': "
      << absl::BytesToHexString(crypto::AsStringView(digest)) << "\n";
}

absl::Status ShowSettings(const std::string& file, absl::string_view text,
                          const Authorities& authorities, std::ostream& out) {
  const absl::StatusOr<crypto::Enrolment> enrolment = crypto::ParseEnrolmentFile(text, file);
  if (enrolment.ok()) return ShowEnrolment(*enrolment, authorities, out);
  const absl::StatusOr<crypto::RosterFile> roster = crypto::ParseRosterFile(text, file);
  if (roster.ok()) {
    ShowRoster(*roster, text, out);
    return absl::OkStatus();
  }
  // The errors of what it seems to be.
  if (absl::StrContains(text, "[identities]")) {
    return WithReason(roster.status(), v1::REASON_INVALID_ARGUMENT);
  }
  if (absl::StrContains(text, "signature")) {
    return WithReason(enrolment.status(), v1::REASON_INVALID_ARGUMENT);
  }
  return WrongFile(file,
                   "is neither a PEM file, nor a roster, nor an enrolment; give one that `veilsum "
                   "enroll` or `veilsum init` made");
}

absl::StatusOr<Authorities> ReadAuthorities(const std::string& file) {
  if (file.empty()) return Authorities();
  const absl::StatusOr<std::string> pem = ReadFile(file);
  if (!pem.ok()) return pem.status();
  absl::StatusOr<Authorities> keys = crypto::ParseAuthorityPem(*pem);
  if (keys.ok()) return keys;
  return WrongFile(file, absl::StrCat(keys.status().message(),
                                      "; --authority takes the authority's public key file"));
}

}  // namespace

absl::Status ShowFile(const EnrollFlags& flags, Console& console) {
  const absl::StatusOr<Authorities> authorities = ReadAuthorities(flags.authority);
  if (!authorities.ok()) return authorities.status();
  // It may turn out to be a private key.
  const absl::StatusOr<crypto::SecretBuffer> contents = ReadKeyFile(flags.file);
  if (!contents.ok()) return contents.status();
  const absl::string_view text = crypto::AsStringView(crypto::ExposeSecret(*contents));
  std::ostream& out = console.out;
  if (absl::StrContains(text, "PRIVATE KEY-----")) return ShowPrivateKey(flags.file, text, out);
  if (absl::StrContains(text, "BEGIN CERTIFICATE REQUEST")) {
    return ShowRequest(flags.file, text, out);
  }
  if (absl::StrContains(text, "BEGIN CERTIFICATE")) return ShowCertificate(flags.file, text, out);
  if (absl::StrContains(text, "BEGIN PUBLIC KEY")) return ShowPublicKeys(flags.file, text, out);
  return ShowSettings(flags.file, text, *authorities, out);
}

}  // namespace veilsum::aggregator::cli
