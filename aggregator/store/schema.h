// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The database file: opened, checked, and brought to the version that this program knows. For this
// folder only.
#ifndef VEILSUM_AGGREGATOR_STORE_SCHEMA_H_
#define VEILSUM_AGGREGATOR_STORE_SCHEMA_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "third_party/sqlite/database.h"

namespace veilsum::aggregator {

// The statements that bring a database from one version to the next.
using Migration = std::vector<const char*>;

// All of them, from the empty database on; how many there are is the version of the schema. Never
// change one that was released: add the next. Each runs in a transaction of its own, so that the
// program may be killed in between.
const std::vector<Migration>& Migrations();

// `path` is there, in a directory that is locked. FAILED_PRECONDITION for a database of a newer
// version, which is left as it is; DATA_LOSS for one that is damaged or not ours. Writers wait for
// no one: the file is locked until it is closed.
absl::StatusOr<sqlite::Database> OpenDatabase(const std::string& path,
                                              const std::vector<Migration>& migrations);

// Moves what was committed from the write-ahead log into the database, and cuts the log: what was
// erased is in neither afterwards.
absl::Status TruncateLog(sqlite::Database& database);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_STORE_SCHEMA_H_
