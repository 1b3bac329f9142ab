// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "metrics/labels.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace veilsum::metrics {
namespace {

// proto/reason.proto keeps reasons of one kind together, by number.
constexpr int kFirstAbortReason = 60;
constexpr int kLastAbortReason = 79;

bool EndsSessions(int reason) { return reason >= kFirstAbortReason && reason <= kLastAbortReason; }

std::vector<int> ReasonsThat(bool end_sessions) {
  std::vector<int> reasons;
  for (int number = v1::Reason_MIN; number <= v1::Reason_MAX; ++number) {
    if (number != v1::REASON_UNSPECIFIED && v1::Reason_IsValid(number) &&
        EndsSessions(number) == end_sessions) {
      reasons.push_back(number);
    }
  }
  return reasons;
}

const std::vector<int>& Aborts() {
  static const auto* const reasons = new std::vector<int>(ReasonsThat(true));
  return *reasons;
}
const std::vector<int>& Drops() {
  static const auto* const reasons = new std::vector<int>(ReasonsThat(false));
  return *reasons;
}

std::string Spell(absl::string_view enumerator, absl::string_view prefix) {
  return absl::AsciiStrToLower(absl::StripPrefix(enumerator, prefix));
}

LabelValues SpellReasons(const std::vector<int>& reasons) {
  LabelValues values;
  for (int reason : reasons) {
    values.push_back(Spell(v1::Reason_Name(static_cast<v1::Reason>(reason)), "REASON_"));
  }
  values.push_back("other");
  return values;
}

size_t Find(const std::vector<int>& reasons, v1::Reason reason) {
  return static_cast<size_t>(std::find(reasons.begin(), reasons.end(), reason) - reasons.begin());
}

}  // namespace

LabelValues Phases() {
  LabelValues values;
  for (int round = v1::ROUND_ADVERTISE_KEYS; round <= v1::ROUND_UNMASKING; ++round) {
    values.push_back(Spell(v1::Round_Name(static_cast<v1::Round>(round)), "ROUND_"));
  }
  return values;
}

size_t PhaseIndex(v1::Round phase) {
  if (phase < v1::ROUND_ADVERTISE_KEYS || phase > v1::ROUND_UNMASKING) return kNoPhase;
  return static_cast<size_t>(phase - v1::ROUND_ADVERTISE_KEYS);
}

LabelValues AbortReasons() { return SpellReasons(Aborts()); }
size_t AbortReasonIndex(v1::Reason reason) { return Find(Aborts(), reason); }
LabelValues DropReasons() { return SpellReasons(Drops()); }
size_t DropReasonIndex(v1::Reason reason) { return Find(Drops(), reason); }

}  // namespace veilsum::metrics
