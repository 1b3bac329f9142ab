// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// The first thing that is wrong with a message, named by its path.
#ifndef VEILSUM_PROTO_FIELD_CHECK_H_
#define VEILSUM_PROTO_FIELD_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace veilsum::v1 {

// Checks are made in order; the first failure is kept and later ones cost nothing.
class FieldCheck {
 public:
  // `path` outlives the check. With an index: of one element, "path[index]".
  explicit FieldCheck(absl::string_view path, int index = -1) : path_(path), index_(index) {}

  bool ok() const { return status_.ok(); }
  absl::Status status() && { return std::move(status_); }

  // "path.field: rule". Build costly texts only where a check failed: see Fail.
  FieldCheck& Require(bool holds, absl::string_view field, absl::string_view rule) {
    if (ok() && !holds) Fail(field, rule);
    return *this;
  }

  FieldCheck& Bytes(absl::string_view field, const std::string& value, size_t size) {
    if (ok() && value.size() != size) {
      Fail(field, absl::StrCat("must be ", size, " bytes, is ", value.size()));
    }
    return *this;
  }
  FieldCheck& BytesOrAbsent(absl::string_view field, const std::string& value, size_t size) {
    if (ok() && !value.empty() && value.size() != size) {
      Fail(field, absl::StrCat("must be ", size, " bytes or absent, is ", value.size()));
    }
    return *this;
  }
  FieldCheck& AtMostBytes(absl::string_view field, const std::string& value, size_t most) {
    if (ok() && value.size() > most) {
      Fail(field, absl::StrCat("must be at most ", most, " bytes, is ", value.size()));
    }
    return *this;
  }

  FieldCheck& Range(absl::string_view field, uint64_t value, uint64_t least, uint64_t most) {
    if (ok() && (value < least || value > most)) {
      Fail(field, absl::StrCat("must be from ", least, " to ", most, ", is ", value));
    }
    return *this;
  }

  // A fraction in [0, 1). NaN fails every comparison, and so the check.
  FieldCheck& Rate(absl::string_view field, double value) {
    if (ok() && !(value >= 0 && value < 1)) {
      Fail(field, absl::StrCat("must be at least 0 and less than 1, is ", value));
    }
    return *this;
  }

  // The outcome of checking a part, whose own path is relative to this one: "part.field: …".
  FieldCheck& Part(const absl::Status& status) {
    if (ok() && !status.ok()) {
      status_ = absl::InvalidArgumentError(absl::StrCat(Path(), ".", status.message()));
    }
    return *this;
  }

  void Fail(absl::string_view field, absl::string_view rule) {
    status_ = absl::InvalidArgumentError(
        absl::StrCat(Path(), path_.empty() ? "" : ".", field, ": ", rule));
  }

 private:
  std::string Path() const {
    return index_ < 0 ? std::string(path_) : absl::StrCat(path_, "[", index_, "]");
  }

  absl::string_view path_;
  int index_;
  absl::Status status_;
};

}  // namespace veilsum::v1

#endif  // VEILSUM_PROTO_FIELD_CHECK_H_
