// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/adversary/combinations.h"

#include <utility>

#include "crypto/sharing/field.h"

namespace veilsum::adversary {
namespace {

namespace field = crypto::field;

// row −= factor · other.
void Subtract(SparseRow& row, uint64_t factor, const SparseRow& other) {
  for (const auto& [column, coefficient] : other) {
    const uint64_t product = field::Mul(factor, coefficient);
    const auto found = row.find(column);
    if (found == row.end()) {
      row.emplace(column, field::Sub(0, product));
      continue;
    }
    found->second = field::Sub(found->second, product);
    if (found->second == 0) row.erase(found);
  }
}

uint64_t Quotient(uint64_t a, uint64_t b) { return field::Mul(a, field::Invert(b)); }

// The rows in echelon form, without those that depend on others.
std::vector<SparseRow> Independent(std::vector<SparseRow> rows) {
  std::map<uint32_t, SparseRow> pivots;
  for (SparseRow& row : rows) {
    while (!row.empty()) {
      const auto [column, coefficient] = *row.begin();
      const auto pivot = pivots.find(column);
      if (pivot == pivots.end()) {
        pivots.emplace(column, std::exchange(row, {}));
        continue;
      }
      Subtract(row, Quotient(coefficient, pivot->second.begin()->second), pivot->second);
    }
  }
  std::vector<SparseRow> independent;
  for (auto& [column, row] : pivots) independent.push_back(std::move(row));
  return independent;
}

// The part of the span that is zero in every column of `owner`.
std::vector<SparseRow> Without(std::vector<SparseRow> basis, uint32_t owner,
                               const std::vector<uint32_t>& owner_of) {
  std::vector<Observation> split;
  for (const SparseRow& row : basis) {
    Observation parts;
    for (const auto& [column, coefficient] : row) {
      (owner_of[column] == owner ? parts.masks : parts.inputs).emplace(column, coefficient);
    }
    split.push_back(std::move(parts));
  }
  return FreeOfMasks(std::move(split));
}

struct Search {
  const std::vector<uint32_t>& owner_of;
  const uint32_t most;
  const std::function<bool(const std::set<uint32_t>&)>& forbidden;

  // Of the combinations in the span that touch all of `touched`. Each step decides for one owner:
  // without it the span shrinks, with it `touched` grows, so the search is short.
  std::optional<std::set<uint32_t>> In(std::vector<SparseRow> basis,
                                       const std::set<uint32_t>& touched) const {
    if (basis.empty() || touched.size() > most) return std::nullopt;
    std::optional<uint32_t> undecided;
    std::set<uint32_t> support;
    for (const SparseRow& row : basis) {
      for (const auto& [column, coefficient] : row) {
        support.insert(owner_of[column]);
        if (touched.count(owner_of[column]) == 0) undecided = owner_of[column];
      }
    }
    if (!undecided.has_value()) {
      return forbidden(support) ? std::optional(support) : std::nullopt;
    }
    auto found = In(Without(basis, *undecided, owner_of), touched);
    if (found.has_value()) return found;
    std::set<uint32_t> more = touched;
    more.insert(*undecided);
    return In(std::move(basis), more);
  }
};

}  // namespace

std::vector<SparseRow> FreeOfMasks(std::vector<Observation> observations) {
  std::map<uint32_t, Observation> pivots;
  std::vector<SparseRow> free;
  for (Observation& row : observations) {
    bool is_pivot = false;
    while (!is_pivot && !row.masks.empty()) {
      const auto [column, coefficient] = *row.masks.begin();
      const auto pivot = pivots.find(column);
      if (pivot == pivots.end()) {
        pivots.emplace(column, std::move(row));
        is_pivot = true;
        continue;
      }
      const uint64_t factor = Quotient(coefficient, pivot->second.masks.begin()->second);
      Subtract(row.masks, factor, pivot->second.masks);
      Subtract(row.inputs, factor, pivot->second.inputs);
    }
    if (!is_pivot && !row.inputs.empty()) free.push_back(std::move(row.inputs));
  }
  return Independent(std::move(free));
}

std::optional<std::set<uint32_t>> FindForbidden(
    const std::vector<SparseRow>& basis, const std::vector<uint32_t>& owner_of, uint32_t most,
    const std::function<bool(const std::set<uint32_t>&)>& forbidden) {
  return Search{owner_of, most, forbidden}.In(basis, {});
}

}  // namespace veilsum::adversary
