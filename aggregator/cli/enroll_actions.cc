// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/cli/enroll_actions.h"

#include <filesystem>
#include <ostream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "aggregator/cli/exit_code.h"
#include "aggregator/cli/key_files.h"
#include "aggregator/cli/roster_changes.h"
#include "aggregator/cli/starting_files.h"
#include "aggregator/files.h"
#include "crypto/certificates/certificate_authority.h"
#include "crypto/certificates/certificate_request.h"
#include "crypto/certificates/identity_pem.h"
#include "crypto/identities/enrolment.h"
#include "crypto/identities/roster_file.h"
#include "crypto/primitives/bytes.h"
#include "crypto/primitives/random.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator::cli {
namespace {

absl::Status WrongUse(absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_INVALID_ARGUMENT, text);
}

absl::Status About(const std::string& file, const absl::Status& status, absl::string_view advice) {
  return WrongUse(absl::StrCat(file, ": ", status.message(), "; ", advice));
}

absl::string_view Text(const crypto::SecretBuffer& contents) {
  return crypto::AsStringView(crypto::ExposeSecret(contents));
}

absl::StatusOr<crypto::IdentityKeyPair> ReadAuthorityKey(const std::string& file) {
  const absl::StatusOr<crypto::SecretBuffer> pem = ReadKeyFile(file);
  if (!pem.ok()) return pem.status();
  absl::StatusOr<crypto::IdentityKeyPair> key = crypto::ParseIdentityPem(Text(*pem));
  if (key.ok()) return key;
  return About(file, key.status(),
               "--authority takes the private key file that `veilsum enroll authority` made");
}

// What --add and --rotate say.
absl::StatusOr<NamedIdentity> ReadNamed(const std::string& flag, const std::string& text) {
  const size_t split = text.rfind('=');
  const auto wrong = [&](absl::string_view why) {
    return WrongUse(absl::StrCat(flag, " ", Printable(text), ": ", why,
                                 "; it takes NAME=IDENTITY, with the identity that `veilsum enroll "
                                 "identity` prints"));
  };
  if (split == std::string::npos) return wrong("has no \"=\"");
  const auto identity = crypto::IdentityPublicKey::FromHex(text.substr(split + 1));
  if (!identity.ok()) return wrong(identity.status().message());
  return NamedIdentity{text.substr(0, split), *identity};
}

absl::StatusOr<RosterChanges> ReadChanges(const EnrollFlags& flags) {
  RosterChanges changes;
  changes.revoke = flags.revoke;
  for (const auto& [flag, texts, into] : {std::tuple{"--add", &flags.add, &changes.add},
                                          std::tuple{"--rotate", &flags.rotate, &changes.rotate}}) {
    for (const std::string& text : *texts) {
      absl::StatusOr<NamedIdentity> named = ReadNamed(flag, text);
      if (!named.ok()) return named.status();
      into->push_back(*std::move(named));
    }
  }
  return changes;
}

// The roster that is there; version 0 and empty if there is none.
absl::StatusOr<crypto::RosterFile> ReadRosterIfThere(const std::string& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return crypto::RosterFile();
  const absl::StatusOr<std::string> text = ReadFile(file);
  if (!text.ok()) return text.status();
  absl::StatusOr<crypto::RosterFile> roster = crypto::ParseRosterFile(*text, file);
  if (!roster.ok()) return WithReason(roster.status(), v1::REASON_INVALID_ARGUMENT);
  return roster;
}

absl::StatusOr<crypto::CertificateAuthority> ReadTlsAuthority(const EnrollFlags& flags) {
  const absl::StatusOr<std::string> certificate = ReadFile(flags.ca);
  if (!certificate.ok()) return certificate.status();
  const absl::StatusOr<crypto::SecretBuffer> key = ReadKeyFile(flags.ca_key);
  if (!key.ok()) return key.status();
  auto authority = crypto::CertificateAuthority::FromPem(*certificate, Text(*key));
  if (authority.ok()) return authority;
  return About(absl::StrCat(flags.ca, " with ", flags.ca_key), authority.status(),
               "--ca and --ca-key take the TLS authority's certificate and its private key, such "
               "as tls/authority.pem and tls/authority.key of `veilsum init`");
}

}  // namespace

absl::Status MakeIdentity(const EnrollFlags& flags, Console& console) {
  const auto identity = crypto::IdentityKeyPair::Generate(crypto::RandomBytes);
  absl::Status status = WriteNewKeyFile(flags.file, crypto::FormatIdentityPem(identity));
  if (!status.ok()) return status;
  console.out << identity.public_key().ToHex() << "\n";
  console.err << "This is your public identity: give it to who keeps the roster or signs\n"
              << "enrolments, by a way that nobody can change. " << flags.file
              << " is private and\nnever leaves this machine.\n";
  return absl::OkStatus();
}

absl::Status MakeEnrolmentAuthority(const EnrollFlags& flags, Console& console) {
  if (absl::Status status = CheckNewFile(flags.other); !status.ok()) return status;
  const auto authority = crypto::IdentityKeyPair::Generate(crypto::RandomBytes);
  absl::Status status = WriteNewKeyFile(flags.file, crypto::FormatIdentityPem(authority));
  if (status.ok()) {
    status =
        WriteNewPublicFile(flags.other, crypto::FormatIdentityPublicPem(authority.public_key()));
  }
  if (!status.ok()) return status;
  console.out << authority.public_key().ToHex() << "\n";
  console.err << "Every client needs " << flags.other << ", and the aggregator too\n"
              << "(identities.authority). " << flags.file << " is private: whoever has it enrols\n"
              << "whom they like. Keep it away from the aggregator.\n";
  return absl::OkStatus();
}

absl::Status SignIdentity(const EnrollFlags& flags, Console& console) {
  const auto identity = crypto::IdentityPublicKey::FromHex(flags.identity);
  if (!identity.ok()) {
    return WrongUse(absl::StrCat("--identity: ", identity.status().message(),
                                 ", as `veilsum enroll identity` prints it"));
  }
  const absl::StatusOr<crypto::IdentityKeyPair> authority = ReadAuthorityKey(flags.authority);
  if (!authority.ok()) return authority.status();
  if (authority->public_key() == *identity) {
    return WrongUse("--identity is the authority's own key; sign the participant's");
  }
  const crypto::Enrolment enrolment = crypto::SignEnrolment(*authority, *identity, flags.version);
  absl::Status status = WriteNewPublicFile(flags.file, crypto::FormatEnrolmentFile(enrolment));
  if (!status.ok()) return status;
  console.out << flags.file << "\n";
  console.err
      << "Give it to the participant whose identity it is. It counts while the aggregator's\n"
      << "identities.roster_version is " << flags.version << ".\n";
  return absl::OkStatus();
}

absl::Status ChangeRosterFile(const EnrollFlags& flags, Console& console) {
  absl::StatusOr<RosterChanges> changes = ReadChanges(flags);
  if (!changes.ok()) return changes.status();
  const absl::StatusOr<crypto::RosterFile> before = ReadRosterIfThere(flags.file);
  if (!before.ok()) return before.status();
  const absl::StatusOr<crypto::RosterFile> after = ChangeRoster(*before, *changes);
  if (!after.ok()) {
    return WrongUse(absl::StrCat(flags.file, ": ", Printable(after.status().message())));
  }
  absl::Status status = ReplaceFile(flags.file, crypto::FormatRosterFile(*after));
  if (!status.ok()) return status;
  console.out << flags.file << " version " << after->version << ": " << after->names.size()
              << " identities\n";
  console.err << "Hand it to every participant and to the aggregator (identities.roster, then\n"
              << "restart it); sessions go on when all have this version.\n";
  return absl::OkStatus();
}

absl::Status MakeTlsRequest(const EnrollFlags& flags, Console& console) {
  if (absl::Status status = CheckNewFile(flags.other); !status.ok()) return status;
  const auto made = crypto::MakeCertificateRequest(flags.name);
  if (!made.ok()) return WrongUse(absl::StrCat("--name: ", made.status().message()));
  absl::Status status = WriteNewKeyFile(flags.file, made->private_key_pem);
  if (status.ok()) status = WriteNewPublicFile(flags.other, made->request_pem);
  if (!status.ok()) return status;
  console.out << flags.other << "\n";
  console.err << "Give it to the TLS authority, which answers with a certificate (`veilsum enroll\n"
              << "certificate`). " << flags.file << " is private and never leaves this machine.\n";
  return absl::OkStatus();
}

absl::Status SignTlsRequest(const EnrollFlags& flags, Console& console) {
  const absl::StatusOr<crypto::CertificateAuthority> authority = ReadTlsAuthority(flags);
  if (!authority.ok()) return authority.status();
  const absl::StatusOr<std::string> request = ReadFile(flags.file);
  if (!request.ok()) return request.status();
  const absl::StatusOr<std::string> asked = crypto::CommonNameOfRequest(*request);
  if (!asked.ok()) {
    return About(flags.file, asked.status(), "`veilsum enroll request` makes a request");
  }
  const std::string& name = flags.name.empty() ? *asked : flags.name;
  // An hour back, for machines whose clocks are behind.
  const crypto::Validity validity = {absl::Now() - absl::Hours(1),
                                     absl::Now() + absl::Hours(24) * flags.days};
  const absl::StatusOr<std::string> certificate =
      flags.hosts.empty()
          ? authority->SignClient(*request, name, validity)
          : authority->SignServer(*request, name, ServerNamesOf(flags.hosts), validity);
  if (!certificate.ok()) return WithReason(certificate.status(), v1::REASON_INVALID_ARGUMENT);
  absl::Status status = WriteNewPublicFile(flags.other, *certificate);
  if (!status.ok()) return status;
  console.out << flags.other << "\n";
  console.err << "A " << (flags.hosts.empty() ? "client" : "server") << "'s certificate for \""
              << Printable(name) << "\", " << flags.days
              << " days. Give it to who made the request.\n";
  return absl::OkStatus();
}

}  // namespace veilsum::aggregator::cli
