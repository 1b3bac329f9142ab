// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A task as people write it: the keys of a [[task]] table, here at the top level of a file.
// deploy/aggregator.toml explains every key.
#ifndef VEILSUM_AGGREGATOR_CONFIG_TASK_CONFIG_H_
#define VEILSUM_AGGREGATOR_CONFIG_TASK_CONFIG_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/operator.pb.h"

namespace veilsum::aggregator {

class TableReader;

// Checked by CheckTask (task_rules.h), with its errors; a mistake in the file is INVALID_ARGUMENT
// naming file, line and key.
absl::StatusOr<v1::Task> ParseTaskToml(absl::string_view text, absl::string_view file);

// The same from one table of a larger file. Mistakes are kept in the reader's document.
v1::Task ReadTask(TableReader& table);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_CONFIG_TASK_CONFIG_H_
