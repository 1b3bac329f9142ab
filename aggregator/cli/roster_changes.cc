// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/cli/roster_changes.h"

#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace veilsum::aggregator::cli {
namespace {

using crypto::IdentityPublicKey;

absl::Status Wrong(absl::string_view change, const std::string& name, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(change, " ", name, ": ", why));
}

// A roster by name.
class Members {
 public:
  explicit Members(const crypto::RosterFile& roster) : roster_(roster) {
    for (const auto& [identity, name] : roster.names) by_name_.emplace(name, identity);
  }

  absl::Status Remove(absl::string_view change, const std::string& name) {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) {
      return Wrong(change, name,
                   "nobody has this name; `veilsum enroll show` lists the roster's names");
    }
    roster_.names.erase(found->second);
    by_name_.erase(found);
    return absl::OkStatus();
  }

  absl::Status Add(absl::string_view change, const NamedIdentity& member) {
    if (!crypto::IsRosterName(member.name)) {
      return Wrong(change, member.name,
                   "a name is 1 to 100 characters without quotes and backslashes");
    }
    if (by_name_.count(member.name) != 0) {
      return Wrong(change, member.name,
                   "the name is taken; --rotate gives it a new key, or choose another name");
    }
    const auto [at, inserted] = roster_.names.emplace(member.identity, member.name);
    if (!inserted) {
      return Wrong(change, member.name,
                   absl::StrCat("this is the identity of ", at->second,
                                "; each participant makes a key of its own (`veilsum enroll "
                                "identity`)"));
    }
    by_name_.emplace(member.name, member.identity);
    return absl::OkStatus();
  }

  absl::Status Rotate(const NamedIdentity& member) {
    const auto found = by_name_.find(member.name);
    if (found != by_name_.end() && found->second == member.identity) {
      return Wrong("--rotate", member.name, "this is the key that it has already");
    }
    absl::Status status = Remove("--rotate", member.name);
    if (status.ok()) status = Add("--rotate", member);
    return status;
  }

  crypto::RosterFile& roster() { return roster_; }

 private:
  crypto::RosterFile roster_;
  std::map<std::string, IdentityPublicKey> by_name_;
};

}  // namespace

absl::StatusOr<crypto::RosterFile> ChangeRoster(const crypto::RosterFile& before,
                                                const RosterChanges& changes) {
  if (changes.add.empty() && changes.rotate.empty() && changes.revoke.empty()) {
    return absl::InvalidArgumentError(
        "nothing to change: give --add NAME=IDENTITY, --rotate NAME=IDENTITY or --revoke NAME");
  }
  Members members(before);
  absl::Status status;
  for (const std::string& name : changes.revoke) status.Update(members.Remove("--revoke", name));
  for (const NamedIdentity& member : changes.rotate) status.Update(members.Rotate(member));
  for (const NamedIdentity& member : changes.add) status.Update(members.Add("--add", member));
  if (!status.ok()) return status;
  if (members.roster().names.empty()) {
    return absl::InvalidArgumentError("nobody would be left; a roster names somebody");
  }
  ++members.roster().version;
  return std::move(members.roster());
}

}  // namespace veilsum::aggregator::cli
