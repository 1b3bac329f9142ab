// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/config/roster.h"

#include "absl/strings/str_cat.h"
#include "aggregator/config/table_reader.h"

namespace veilsum::aggregator {

absl::StatusOr<IdentityNames> ParseIdentities(absl::string_view text, absl::string_view file) {
  absl::StatusOr<Document> document = ParseDocument(text, file);
  if (!document.ok()) return document.status();
  TableReader root(*document, &document->root, "");
  TableReader table = root.Table("identities");
  IdentityNames names;
  for (const auto& [name, hex] : table.AllStrings()) {
    const absl::StatusOr<crypto::IdentityPublicKey> key = crypto::IdentityPublicKey::FromHex(hex);
    if (!key.ok()) {
      table.Fail(name, absl::StrCat("is no public key: ", key.status().message()));
    } else if (const auto [at, inserted] = names.emplace(*key, name); !inserted) {
      table.Fail(name, absl::StrCat("has the same public key as ", at->second));
    }
  }
  root.Finish();
  if (names.empty()) {
    root.Fail("", "names nobody: [identities] needs lines of name = \"public key\"");
  }
  if (!document->status.ok()) return document->status;
  return names;
}

}  // namespace veilsum::aggregator
