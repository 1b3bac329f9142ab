// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/load/dropouts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace veilsum::load {
namespace {

constexpr std::array<std::pair<v1::Round, absl::string_view>, 5> kRounds = {
    {{v1::ROUND_ADVERTISE_KEYS, "AdvertiseKeys"},
     {v1::ROUND_SHARE_KEYS, "ShareKeys"},
     {v1::ROUND_MASKED_INPUT_COLLECTION, "MaskedInputCollection"},
     {v1::ROUND_CONSISTENCY_CHECK, "ConsistencyCheck"},
     {v1::ROUND_UNMASKING, "Unmasking"}}};

absl::StatusOr<v1::Round> ParseRound(absl::string_view name) {
  for (const auto& [round, its_name] : kRounds) {
    if (its_name == name) return round;
  }
  return absl::InvalidArgumentError(absl::StrCat("dropout: \"", name, "\" is no round"));
}

}  // namespace

absl::StatusOr<Dropouts> Dropouts::Parse(absl::string_view text) {
  Dropouts dropouts;
  double all = 0;
  for (const absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    const std::vector<absl::string_view> halves = absl::StrSplit(part, ':');
    double fraction = 0;
    if (halves.size() != 2 || !absl::SimpleAtod(halves[1], &fraction) || !(fraction >= 0)) {
      return absl::InvalidArgumentError(
          absl::StrCat("dropout: must be ROUND:FRACTION,…, is \"", part, "\""));
    }
    const absl::StatusOr<v1::Round> round = ParseRound(halves[0]);
    if (!round.ok()) return round.status();
    dropouts.fractions_[*round] += fraction;
    all += fraction;
  }
  if (all >= 1) return absl::InvalidArgumentError("dropout: nobody would be left");
  return dropouts;
}

std::vector<v1::Round> Dropouts::Of(uint32_t clients) const {
  std::vector<v1::Round> rounds;
  for (const auto& [round, fraction] : fractions_) {
    rounds.insert(rounds.end(), static_cast<size_t>(std::lround(fraction * clients)), round);
  }
  // Also where fractions were rounded up, one is left.
  rounds.resize(std::min<size_t>(rounds.size(), clients - 1));
  rounds.resize(clients, v1::ROUND_UNSPECIFIED);
  return rounds;
}

}  // namespace veilsum::load
