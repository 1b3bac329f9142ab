// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// `veilsum init`: from nothing to a first session.

#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "aggregator/cli/command.h"
#include "aggregator/cli/starting_files.h"
#include "aggregator/files.h"
#include "crypto/primitives/bytes.h"
#include "proto/limits.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator::cli {
namespace {

struct InitFlags {
  std::string folder;
  uint32_t clients = 10;
  std::vector<std::string> hosts;
  bool authority = false;
  int days = 825;
};

// Nothing is written if anything is in the way.
absl::Status CheckRoom(const std::filesystem::path& folder,
                       const std::vector<StartingFile>& files) {
  for (const StartingFile& file : files) {
    std::error_code error;
    if (std::filesystem::exists(folder / file.path, error)) {
      return MakeError(absl::StatusCode::kAlreadyExists, v1::REASON_ALREADY_EXISTS,
                       absl::StrCat((folder / file.path).string(),
                                    " is there already and nothing is overwritten; choose another "
                                    "folder, or move that one away"));
    }
  }
  return absl::OkStatus();
}

absl::Status WriteFiles(const std::filesystem::path& folder,
                        const std::vector<StartingFile>& files) {
  for (const StartingFile& file : files) {
    const std::filesystem::path path = folder / file.path;
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) {
      return MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_INVALID_ARGUMENT,
                       absl::StrCat("cannot make the folder ", path.parent_path().string(), ": ",
                                    error.message()));
    }
    absl::Status status =
        WriteNewFile(path.string(), crypto::AsStringView(crypto::ExposeSecret(file.contents)),
                     file.secret ? Access::kOwner : Access::kEverybody);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void PrintNextSteps(const InitFlags& flags, std::ostream& out) {
  const std::string folder = flags.folder;
  out << "Made in " << folder << ": TLS certificates for the server, the operator and\n"
      << flags.clients << " clients, the clients' identities, "
      << (flags.authority ? "the authority that enrols them" : "the roster of them") << ", and\n"
      << "aggregator.toml with a task named \"example\". Only you can read the private keys.\n"
      << "This is for trials: " << folder << "/README says what to do otherwise.\n"
      << "\nTo a first session:\n\n"
      << "  aggregator --config=" << folder << "/aggregator.toml\n"
      << "\nand on each client your training loop, with task \"example\", the address\n"
      << "127.0.0.1:7443, and its own folder in " << folder << "/clients/. To watch:\n\n"
      << "  veilsum session watch --config " << folder << "/operator.toml\n";
}

absl::Status RunInit(const InitFlags& flags, Console& console) {
  const absl::Time now = absl::Now();
  // An hour back, for machines whose clocks are behind.
  const StartingRequest request = {flags.clients,
                                   flags.hosts,
                                   flags.authority,
                                   {now - absl::Hours(1), now + absl::Hours(24) * flags.days}};
  const absl::StatusOr<std::vector<StartingFile>> files = MakeStartingFiles(request);
  if (!files.ok()) return files.status();
  absl::Status status = CheckRoom(flags.folder, *files);
  if (status.ok()) status = WriteFiles(flags.folder, *files);
  if (status.ok()) PrintNextSteps(flags, console.out);
  return status;
}

}  // namespace

void AddInitCommand(CLI::App& app, Chosen& chosen) {
  auto flags = std::make_shared<InitFlags>();
  CLI::App* init = app.add_subcommand(
      "init", "Certificates, identities and a starting configuration, all in one folder");
  init->add_option("folder", flags->folder, "Where to; nothing in it is overwritten")->required();
  init->add_option("--clients", flags->clients, "Identities to make")
      ->check(CLI::Range(kLeastStartingClients, limits::kMaxClients))
      ->capture_default_str();
  init->add_option("--host", flags->hosts,
                   "Name or address by which clients will call the server, beside localhost; may "
                   "be repeated")
      ->allow_extra_args(false);
  init->add_flag("--authority", flags->authority,
                 "Let an enrolment authority vouch for the identities, instead of a roster file");
  init->add_option("--days", flags->days, "How long the certificates are valid")
      ->check(CLI::Range(1, 3650))
      ->capture_default_str();
  init->callback([flags, &chosen] {
    chosen.run = [flags](Console& console) { return RunInit(*flags, console); };
  });
}

}  // namespace veilsum::aggregator::cli
