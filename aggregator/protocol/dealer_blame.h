// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A dealer whose shares, though each is the one that it announced, do not give what it advertised:
// an error of the work on an UnmaskPlan that names one client.
#ifndef VEILSUM_AGGREGATOR_PROTOCOL_DEALER_BLAME_H_
#define VEILSUM_AGGREGATOR_PROTOCOL_DEALER_BLAME_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace veilsum::aggregator {

// REASON_DEALER_CHEATED. The text names the client by its position: it goes to every client and
// to the log. `what` ends it: "the self mask seed that it committed to".
absl::Status BlameDealer(uint32_t position, absl::string_view what);

// The position, if the status is one of BlameDealer.
std::optional<uint32_t> BlamedDealer(const absl::Status& status);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_PROTOCOL_DEALER_BLAME_H_
