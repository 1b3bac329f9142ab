// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// A session as one client sees it, worked out from its view alone: two clients that were shown
// different things have different sights.
#ifndef VEILSUM_TESTS_ADVERSARY_SIGHT_H_
#define VEILSUM_TESTS_ADVERSARY_SIGHT_H_

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "crypto/primitives/bytes.h"
#include "crypto/primitives/identity.h"
#include "crypto/transcript/transcript.h"
#include "proto/session.pb.h"
#include "tests/adversary/privacy_checker.h"

namespace veilsum::adversary {

struct Sight {
  const ClientView* view = nullptr;
  v1::SessionHeader header;
  crypto::Digest header_hash{};
  crypto::Digest transcript{};  // T1
  std::vector<crypto::Party> parties;
  std::vector<uint32_t> neighbours;
  uint32_t position = 0;
  uint32_t threshold = 0;
  uint32_t promised = 0;  // Honest inputs in anything that is revealed, at least.

  const crypto::Party& self() const { return parties[position]; }
  // Null where it was shown none.
  const v1::AdvertiseKeysEntry* EntryAt(uint32_t at) const {
    if (at == position) return &*view->entry;
    const auto found = view->neighbours.find(at);
    return found == view->neighbours.end() ? nullptr : &found->second;
  }
};

// Nothing where the client never got as far as a roster that it could take part in.
std::optional<Sight> SightOf(const ClientView& view,
                             const std::set<crypto::IdentityPublicKey>& corrupted);

}  // namespace veilsum::adversary

#endif  // VEILSUM_TESTS_ADVERSARY_SIGHT_H_
