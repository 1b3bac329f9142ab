// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/protocol/sharing_places.h"

#include <algorithm>

namespace veilsum::aggregator {

std::optional<uint32_t> SharingPlaces::PlaceOf(uint32_t client, uint32_t holder) const {
  if (client >= clients_ || holder >= clients_) return std::nullopt;
  if (complete_) return holder;
  const auto begin = positions_.begin() + size_t{client} * places_;
  const auto end = begin + places_;
  const auto found = std::lower_bound(begin, end, holder);
  if (found == end || *found != holder) return std::nullopt;
  return static_cast<uint32_t>(found - begin);
}

}  // namespace veilsum::aggregator
