// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The aggregator's configuration, and a task of its own.
#include <string>

#include "aggregator/config/config.h"
#include "aggregator/config/task_config.h"
#include "tests/fuzz/harness.h"

namespace veilsum::fuzz {
namespace {

void RequireMistake(const absl::Status& status) {
  Require(status.ok() || status.code() == absl::StatusCode::kInvalidArgument ||
              status.code() == absl::StatusCode::kFailedPrecondition,
          "a mistake in a file is called one");
}

}  // namespace

void FuzzOne(crypto::ByteSpan data) {
  const absl::string_view text = crypto::AsStringView(data);
  RequireMistake(aggregator::ParseConfig(text, "aggregator.toml", {}).status());
  RequireMistake(aggregator::ParseTaskToml(text, "task.toml").status());
}

}  // namespace veilsum::fuzz
