// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The flags of `veilsum enroll …`.

#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include "aggregator/cli/command.h"
#include "aggregator/cli/enroll_actions.h"

namespace veilsum::aggregator::cli {
namespace {

using Action = absl::Status (*)(const EnrollFlags&, Console&);
using Flags = std::shared_ptr<EnrollFlags>;

class EnrollCommands {
 public:
  EnrollCommands(Flags flags, Chosen& chosen) : flags_(std::move(flags)), chosen_(chosen) {}

  void AddTo(CLI::App& app) {
    CLI::App* enroll = app.add_subcommand(
        "enroll", "Identities, rosters and certificates; private keys stay where they are made");
    enroll->require_subcommand(1);
    AddIdentityCommands(*enroll);
    AddRosterCommand(*enroll);
    AddTlsCommands(*enroll);
    CLI::App* show = Add(*enroll, "show", "What a file holds, without its secrets", ShowFile);
    show->add_option("file", flags_->file, "Any file that `veilsum enroll` makes")->required();
    show->add_option("--authority", flags_->authority,
                     "Check an enrolment against this authority's public key file");
  }

 private:
  void AddIdentityCommands(CLI::App& enroll) {
    CLI::App* identity = Add(enroll, "identity",
                             "On the participant's machine: make its identity; prints the public "
                             "part",
                             MakeIdentity);
    identity->add_option("file", flags_->file, "New file for the private key")->required();
    CLI::App* authority =
        Add(enroll, "authority", "Make the key of an enrolment authority, away from the aggregator",
            MakeEnrolmentAuthority);
    authority->add_option("key", flags_->file, "New file for the private key")->required();
    authority->add_option("public", flags_->other, "New file for the public key")->required();
    CLI::App* sign =
        Add(enroll, "sign", "Vouch for an identity, as the enrolment authority", SignIdentity);
    sign->add_option("file", flags_->file, "New file for the enrolment")->required();
    sign->add_option("--authority", flags_->authority, "The authority's private key file")
        ->required();
    sign->add_option("--identity", flags_->identity, "As `veilsum enroll identity` printed it")
        ->required();
    sign->add_option("--version", flags_->version,
                     "Roster version; a greater one whenever somebody is out")
        ->check(CLI::Range(int64_t{1}, std::numeric_limits<int64_t>::max()))
        ->required();
  }

  void AddRosterCommand(CLI::App& enroll) {
    CLI::App* roster =
        Add(enroll, "roster", "Write a roster file, or its next version; flags may be repeated",
            ChangeRosterFile);
    roster->add_option("file", flags_->file, "The roster file")->required();
    const auto add = [&](const char* flag, std::vector<std::string>& into, const char* what) {
      roster->add_option(flag, into, what)->allow_extra_args(false);
    };
    add("--add", flags_->add, "NAME=IDENTITY: a new participant");
    add("--rotate", flags_->rotate, "NAME=IDENTITY: a participant's new key");
    add("--revoke", flags_->revoke, "NAME: takes no part any more");
  }

  void AddTlsCommands(CLI::App& enroll) {
    CLI::App* request = Add(enroll, "request",
                            "On the machine that uses it: make a TLS key, and a request for its "
                            "certificate",
                            MakeTlsRequest);
    request->add_option("key", flags_->file, "New file for the private key")->required();
    request->add_option("request", flags_->other, "New file for the request")->required();
    request->add_option("--name", flags_->name, "Whose it is")->required();
    CLI::App* certificate =
        Add(enroll, "certificate", "Answer a request with a certificate, as the TLS authority",
            SignTlsRequest);
    certificate->add_option("request", flags_->file, "The request")->required();
    certificate->add_option("certificate", flags_->other, "New file for the certificate")
        ->required();
    certificate->add_option("--ca", flags_->ca, "PEM: the authority's certificate")->required();
    certificate->add_option("--ca-key", flags_->ca_key, "PEM: its private key")->required();
    certificate->add_option("--name", flags_->name, "Instead of the name in the request");
    certificate
        ->add_option("--host", flags_->hosts,
                     "For a server: a name or address that clients call; may be repeated")
        ->allow_extra_args(false);
    certificate->add_option("--days", flags_->days, "How long it is valid")
        ->check(CLI::Range(1, 3650))
        ->capture_default_str();
  }

  CLI::App* Add(CLI::App& parent, const char* name, const char* what, Action action) {
    CLI::App* command = parent.add_subcommand(name, what);
    command->callback([flags = flags_, &chosen = chosen_, action] {
      chosen.run = [flags, action](Console& console) { return action(*flags, console); };
    });
    return command;
  }

  const Flags flags_;
  Chosen& chosen_;
};

}  // namespace

void AddEnrollCommands(CLI::App& app, Chosen& chosen) {
  EnrollCommands(std::make_shared<EnrollFlags>(), chosen).AddTo(app);
}

}  // namespace veilsum::aggregator::cli
