// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Reads one TOML table key by key, so that what is read, what is known and what a mistake is
// called cannot drift apart. Values may be overridden from outside the file under their path,
// "section.key". The first mistake is kept; later reads cost nothing and change nothing.
#ifndef VEILSUM_AGGREGATOR_CONFIG_TABLE_READER_H_
#define VEILSUM_AGGREGATOR_CONFIG_TABLE_READER_H_

#include <toml++/toml.h>

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace veilsum::aggregator {

// A value from an environment variable or a flag.
struct Override {
  std::string text;
  std::string origin;  // "the flag --server.address", for messages.
  bool used = false;
};
using Overrides = std::map<std::string, Override>;  // By path.

// One document and what was wrong with it.
struct Document {
  std::string file;
  toml::table root;
  Overrides overrides;
  absl::Status status;

  // INVALID_ARGUMENT with REASON_INVALID_ARGUMENT, naming the place.
  void Fail(absl::string_view place, absl::string_view text);
  // As above, with the code and reason of `error`, which is not OK.
  void Fail(absl::string_view place, const absl::Status& error);
};

// INVALID_ARGUMENT naming file, line and column when `text` is no TOML.
absl::StatusOr<Document> ParseDocument(absl::string_view text, absl::string_view file);

class TableReader {
 public:
  // `table` may be null: then only overrides are read. `path` is "" for the root.
  TableReader(Document& document, const toml::table* table, std::string path);

  void String(absl::string_view key, std::string& value);
  void Bool(absl::string_view key, bool& value);
  // From `least` to `most`.
  void Unsigned(absl::string_view key, uint64_t& value, uint64_t least = 0,
                uint64_t most = std::numeric_limits<int64_t>::max());
  void Number(absl::string_view key, double& value);
  // One of the names; the number that goes with it.
  void Choice(absl::string_view key, absl::Span<const std::pair<absl::string_view, int>> names,
              int& value);
  // As a reader of its own, whether the table is there or not. Call its Finish too.
  TableReader Table(absl::string_view key);
  // The tables of [[key]].
  std::vector<TableReader> Tables(absl::string_view key);

  // A key of the table that nobody asked for is a mistake.
  void Finish();

  // A mistake in the value of `key`, or of the whole table when `key` is empty.
  void Fail(absl::string_view key, absl::string_view text);
  // The table as a whole does not do, for a reason that was found elsewhere.
  void Fail(const absl::Status& error);
  bool ok() const { return document_.status.ok(); }
  bool Has(absl::string_view key) const;

 private:
  const toml::node* Find(absl::string_view key);
  Override* FindOverride(absl::string_view key);
  std::string PathOf(absl::string_view key) const;
  // "FILE:LINE".
  std::string PlaceOf(absl::string_view key) const;

  Document& document_;
  const toml::table* table_;
  std::string path_;
  std::vector<std::string> known_;
};

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_CONFIG_TABLE_READER_H_
