// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Linear algebra of the privacy checker, over GF(2^61 − 1): which combinations of unknown inputs
// come free of unknown masks.
#ifndef VEILSUM_TESTS_ADVERSARY_COMBINATIONS_H_
#define VEILSUM_TESTS_ADVERSARY_COMBINATIONS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace veilsum::adversary {

// Sparse: column to coefficient, never 0.
using SparseRow = std::map<uint32_t, uint64_t>;

// One masked upload: what it says of masks (±1 each) and inputs.
struct Observation {
  SparseRow masks;
  SparseRow inputs;
};

// A basis of all combinations of inputs that follow from the observations without any mask.
std::vector<SparseRow> FreeOfMasks(std::vector<Observation> observations);

// Searches the non-zero combinations in the span of `basis` for one that touches a set of owners
// that is `forbidden`. `owner_of[column]` is whose input a column is. Sets of more than
// `most` owners must not be forbidden. Exact, and quick while `most` or the basis is small.
std::optional<std::set<uint32_t>> FindForbidden(
    const std::vector<SparseRow>& basis, const std::vector<uint32_t>& owner_of, uint32_t most,
    const std::function<bool(const std::set<uint32_t>&)>& forbidden);

}  // namespace veilsum::adversary

#endif  // VEILSUM_TESTS_ADVERSARY_COMBINATIONS_H_
