// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/identities/roster_file.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "crypto/identities/settings.h"

namespace veilsum::crypto {
namespace {

constexpr size_t kMaxNameBytes = 100;

constexpr char kHeading[] =
    R"(# Who may take part: name = identity, an Ed25519 public key in hexadecimal. Names are for people.
# Every participant and the aggregator use the same version. The aggregator must not be the one who
# hands it out: who writes this file decides whose inputs are mixed with whose.
# `veilsum enroll roster` writes new versions; it keeps no comments.
)";

absl::Status AddIdentity(absl::string_view file, const internal::Setting& setting,
                         RosterFile& roster) {
  const auto key = setting.is_text ? IdentityPublicKey::FromHex(setting.value)
                                   : absl::InvalidArgumentError("it must stand in double quotes");
  if (!key.ok()) {
    return internal::SettingError(file, setting,
                                  absl::StrCat("is no identity: ", key.status().message(),
                                               "; `veilsum enroll identity` prints one"));
  }
  if (!IsRosterName(setting.key)) {
    return internal::SettingError(
        file, setting, absl::StrCat("is too long a name: at most ", kMaxNameBytes, " bytes"));
  }
  const auto [at, inserted] = roster.names.emplace(*key, setting.key);
  if (inserted) return absl::OkStatus();
  return internal::SettingError(
      file, setting,
      absl::StrCat("has the same identity as ", at->second,
                   "; each participant needs a key of its own, so remove one of the two"));
}

}  // namespace

absl::StatusOr<RosterFile> ParseRosterFile(absl::string_view text, absl::string_view file) {
  const auto settings = internal::ParseSettings(text, file);
  if (!settings.ok()) return settings.status();
  RosterFile roster;
  for (const internal::Setting& setting : *settings) {
    if (setting.table == "identities") {
      if (absl::Status added = AddIdentity(file, setting, roster); !added.ok()) return added;
    } else if (setting.table.empty() && setting.key == "version") {
      const absl::StatusOr<uint64_t> version = internal::ReadVersion(file, setting);
      if (!version.ok()) return version.status();
      roster.version = *version;
    } else {
      return internal::SettingError(
          file, setting,
          "is not known; a roster has version = NUMBER and below [identities] name = \"identity\"");
    }
  }
  if (roster.version == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        file,
        ":1: has no version; write version = 1 above [identities], and a greater number "
        "whenever the identities change"));
  }
  if (roster.names.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file,
                     ":1: names nobody; below [identities] write name = \"identity\" for "
                     "each participant"));
  }
  return roster;
}

std::string FormatRosterFile(const RosterFile& roster) {
  std::vector<std::pair<absl::string_view, const IdentityPublicKey*>> lines;
  for (const auto& [identity, name] : roster.names) lines.emplace_back(name, &identity);
  std::sort(lines.begin(), lines.end());
  std::string text = absl::StrCat(kHeading, "version = ", roster.version, "\n\n[identities]\n");
  for (const auto& [name, identity] : lines) {
    const bool bare = std::all_of(name.begin(), name.end(), [](char c) {
      return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
    });
    const absl::string_view quote = bare ? "" : "\"";
    absl::StrAppend(&text, quote, name, quote, " = \"", identity->ToHex(), "\"\n");
  }
  return text;
}

bool IsRosterName(absl::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes &&
         std::none_of(name.begin(), name.end(), [](char c) {
           return c == '"' || c == '\\' || absl::ascii_iscntrl(static_cast<unsigned char>(c));
         });
}

}  // namespace veilsum::crypto
