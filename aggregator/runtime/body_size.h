// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// How much a signed body may hold before it is parsed: an entry of two bytes on the wire becomes an
// object of a hundred, so the entries are counted, not just the bytes.
#ifndef VEILSUM_AGGREGATOR_RUNTIME_BODY_SIZE_H_
#define VEILSUM_AGGREGATOR_RUNTIME_BODY_SIZE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace veilsum::aggregator {

// `body` is a serialised ShareKeys or Unmasking of a client with `degree` neighbours. OK also where
// it does not parse, or holds somewhat too much: what is wrong with it is for the protocol to say.
// INVALID_ARGUMENT (OVERSIZED) for more than twice of what there can be. Pure; allocates nothing.
absl::Status CheckBodySize(absl::string_view body, uint32_t degree);

}  // namespace veilsum::aggregator

#endif  // VEILSUM_AGGREGATOR_RUNTIME_BODY_SIZE_H_
