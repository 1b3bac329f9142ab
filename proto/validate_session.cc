// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "crypto/graph/parameters.h"
#include "proto/field_check.h"
#include "proto/limits.h"
#include "proto/validate.h"
#include "proto/vector_arithmetic.h"

namespace veilsum::v1 {
namespace {

bool IsTaskIdCharacter(char c, bool first) {
  if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) return true;
  return !first && (c == '_' || c == '-');
}

void CheckTaskId(FieldCheck& check, absl::string_view task_id) {
  if (!check.ok()) return;
  bool good = !task_id.empty() && task_id.size() <= limits::kMaxTaskIdBytes;
  for (size_t i = 0; good && i < task_id.size(); ++i) good = IsTaskIdCharacter(task_id[i], i == 0);
  if (!good) {
    check.Fail("task_id", absl::StrCat("must be 1 to ", limits::kMaxTaskIdBytes,
                                       " of a-z, 0-9, '_' and '-', and begin with a letter or a "
                                       "digit"));
  }
}

// All but the modulus.
void CheckVectorLevels(FieldCheck& check, const VectorSpec& spec) {
  check.Range("dimension", spec.dimension(), 1, limits::kMaxDimension);
  if (check.ok() && !(std::isfinite(spec.clip()) && spec.clip() > 0)) {
    check.Fail("clip", absl::StrCat("must be finite and greater than 0, is ", spec.clip()));
  }
  if (check.ok() && !(std::isfinite(spec.norm_clip()) && spec.norm_clip() >= 0)) {
    check.Fail("norm_clip", absl::StrCat("must be finite and at least 0, is ", spec.norm_clip()));
  }
  check.Range("quantisation_bits", spec.quantisation_bits(), 1, limits::kMaxQuantisationBits)
      .Range("max_weight", spec.max_weight(), 1, limits::kMaxWeight);
}

absl::Status CheckVector(const VectorSpec& spec, uint32_t max_clients, bool modulus_may_be_absent) {
  FieldCheck check("vector");
  CheckVectorLevels(check, spec);
  if (!check.ok()) return std::move(check).status();
  const absl::StatusOr<uint32_t> needed =
      ModulusBits(max_clients, spec.max_weight(), spec.quantisation_bits());
  if (!needed.ok()) {
    check.Fail("modulus_bits", needed.status().message());
  } else if (spec.modulus_bits() != *needed &&
             !(modulus_may_be_absent && spec.modulus_bits() == 0)) {
    check.Fail("modulus_bits", absl::StrCat("must be ", *needed, " for ", max_clients,
                                            " clients, is ", spec.modulus_bits()));
  }
  return std::move(check).status();
}

// An aggregator that may do anything has clients of its own: at least one, and the inputs of all of
// them are subtracted before anything is called a sum.
template <class Message>
void CheckMaliciousTier(FieldCheck& check, const Message& message) {
  if (!check.ok() || message.tier() != TIER_MALICIOUS) return;
  check
      .Require(message.graph() == GRAPH_RULE_COMPLETE, "graph",
               "must be GRAPH_RULE_COMPLETE in the malicious tier; run larger populations in "
               "cohorts")
      .Require(message.corruption_rate() > 0, "corruption_rate",
               "must be greater than 0 in the malicious tier: the aggregator enrols clients of its "
               "own");
  if (!check.ok()) return;
  const uint64_t corrupted =
      std::max<uint64_t>(1, crypto::FloorOfRate(message.corruption_rate(), message.max_clients()));
  if (message.min_survivors() < corrupted + limits::kMinSurvivors) {
    check.Fail("min_survivors", absl::StrCat("must be at least ", corrupted + limits::kMinSurvivors,
                                             " in the malicious tier, is ", message.min_survivors(),
                                             ": of ", message.max_clients(), " clients ", corrupted,
                                             " may be the aggregator's, and a sum must hold ",
                                             limits::kMinSurvivors, " others"));
  }
}

// What headers and tasks have in common.
template <class Message>
void CheckPrivacy(FieldCheck& check, const Message& message) {
  check
      .Require(message.tier() == TIER_SEMI_HONEST || message.tier() == TIER_MALICIOUS, "tier",
               "must be TIER_SEMI_HONEST or TIER_MALICIOUS")
      .Require(message.graph() == GRAPH_RULE_COMPLETE || message.graph() == GRAPH_RULE_HARARY,
               "graph", "must be GRAPH_RULE_COMPLETE or GRAPH_RULE_HARARY")
      .Rate("corruption_rate", message.corruption_rate())
      .Rate("dropout_rate", message.dropout_rate())
      .Range("max_clients", message.max_clients(), limits::kMinSurvivors, limits::kMaxClients)
      .Require(message.graph() != GRAPH_RULE_COMPLETE ||
                   message.max_clients() <= limits::kMaxCompleteClients,
               "max_clients",
               absl::StrCat("must be at most ", limits::kMaxCompleteClients,
                            " on the complete graph, is ", message.max_clients(),
                            "; larger sessions take the Harary graph"))
      .Range("min_survivors", message.min_survivors(), limits::kMinSurvivors, message.max_clients())
      .Require(message.audience() == AUDIENCE_OPERATOR ||
                   message.audience() == AUDIENCE_PARTICIPANTS ||
                   message.audience() == AUDIENCE_BOTH,
               "audience", "must be AUDIENCE_OPERATOR, AUDIENCE_PARTICIPANTS or AUDIENCE_BOTH");
  CheckMaliciousTier(check, message);
}

// The consistency check only takes place in the malicious tier.
uint64_t LeastConsistencyDeadline(Tier tier) { return tier == TIER_MALICIOUS ? 1 : 0; }

void CheckDeadlines(FieldCheck& check, const PhaseDeadlines& deadlines, Tier tier) {
  check
      .Range("deadlines.advertise_keys_ms", deadlines.advertise_keys_ms(), 1,
             limits::kMaxDeadlineMs)
      .Range("deadlines.share_keys_ms", deadlines.share_keys_ms(), 1, limits::kMaxDeadlineMs)
      .Range("deadlines.masked_input_ms", deadlines.masked_input_ms(), 1, limits::kMaxDeadlineMs)
      .Range("deadlines.consistency_check_ms", deadlines.consistency_check_ms(),
             LeastConsistencyDeadline(tier), limits::kMaxDeadlineMs)
      .Range("deadlines.unmasking_ms", deadlines.unmasking_ms(), 1, limits::kMaxDeadlineMs);
}

absl::Status CheckPolicy(absl::string_view name, const PhasePolicy& policy) {
  FieldCheck check(name);
  check.Range("deadline_ms", policy.deadline_ms(), 1, limits::kMaxDeadlineMs)
      .Range("least_ms", policy.least_ms(), 0, policy.deadline_ms());
  if (check.ok() && !(policy.target_fraction() > 0 && policy.target_fraction() <= 1)) {
    check.Fail("target_fraction",
               absl::StrCat("must be greater than 0 and at most 1, is ", policy.target_fraction()));
  }
  return std::move(check).status();
}

}  // namespace

absl::Status ValidateTaskId(absl::string_view task_id) {
  FieldCheck check("");
  CheckTaskId(check, task_id);
  return std::move(check).status();
}

absl::Status ValidateVectorSpec(const VectorSpec& spec, uint32_t max_clients) {
  return CheckVector(spec, max_clients, /*modulus_may_be_absent=*/false);
}

absl::Status ValidateVectorSpec(const VectorSpec& spec) {
  FieldCheck check("vector");
  CheckVectorLevels(check, spec);
  if (!check.ok()) return std::move(check).status();
  const absl::StatusOr<uint32_t> least =
      ModulusBits(1, spec.max_weight(), spec.quantisation_bits());
  if (!least.ok()) {
    check.Fail("modulus_bits", least.status().message());
  } else {
    check.Range("modulus_bits", spec.modulus_bits(), *least, limits::kMaxModulusBits);
  }
  return std::move(check).status();
}

absl::Status ValidateHeader(const SessionHeader& header) {
  FieldCheck check("header");
  if (header.protocol_version() != limits::kProtocolVersion) {
    check.Fail("protocol_version", absl::StrCat("must be ", limits::kProtocolVersion, ", is ",
                                                header.protocol_version()));
  }
  check.Bytes("session_id", header.session_id(), limits::kSessionIdBytes);
  CheckTaskId(check, header.task_id());
  CheckPrivacy(check, header);
  if (check.ok()) check.Part(ValidateVectorSpec(header.vector(), header.max_clients()));
  CheckDeadlines(check, header.deadlines(), header.tier());
  check.BytesOrAbsent("model_hash", header.model_hash(), limits::kDigestBytes);
  return std::move(check).status();
}

absl::Status ValidateTask(const Task& task) {
  FieldCheck check("task");
  CheckTaskId(check, task.task_id());
  CheckPrivacy(check, task);
  if (check.ok()) {
    check.Part(CheckVector(task.vector(), task.max_clients(), /*modulus_may_be_absent=*/true));
  }
  check.Part(CheckPolicy("advertise_keys", task.advertise_keys()))
      .Part(CheckPolicy("share_keys", task.share_keys()))
      .Part(CheckPolicy("masked_input", task.masked_input()))
      .Part(CheckPolicy("unmasking", task.unmasking()));
  if (task.tier() == TIER_MALICIOUS || task.has_consistency_check()) {
    check.Part(CheckPolicy("consistency_check", task.consistency_check()));
  }
  return std::move(check).status();
}

}  // namespace veilsum::v1
