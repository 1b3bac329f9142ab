// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

// Files that the demo's processes exchange: a participant's own data, the global model, and the
// audit copies of what participants put into the sum.

#ifndef VEILSUM_EXAMPLES_DEMO_FILES_H_
#define VEILSUM_EXAMPLES_DEMO_FILES_H_

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"

namespace veilsum::demo {

inline absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Written beside and renamed, so that a reader never sees half of it.
inline absl::Status WriteFile(const std::string& path, absl::string_view bytes) {
  const std::string unfinished = path + ".part";
  std::ofstream file(unfinished, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file || std::rename(unfinished.c_str(), path.c_str()) != 0) {
    return absl::UnavailableError(absl::StrCat("cannot write ", path));
  }
  return absl::OkStatus();
}

// Arrays of numbers, as this machine keeps them.
template <class T>
absl::Status WriteNumbers(const std::string& path, absl::Span<const T> numbers) {
  return WriteFile(path, absl::string_view(reinterpret_cast<const char*>(numbers.data()),
                                           numbers.size() * sizeof(T)));
}
template <class T>
absl::StatusOr<std::vector<T>> ReadNumbers(const std::string& path) {
  absl::StatusOr<std::string> bytes = ReadFile(path);
  if (!bytes.ok()) return bytes.status();
  if (bytes->size() % sizeof(T) != 0) {
    return absl::DataLossError(absl::StrCat(path, " is cut short"));
  }
  std::vector<T> numbers(bytes->size() / sizeof(T));
  std::copy(bytes->begin(), bytes->end(), reinterpret_cast<char*>(numbers.data()));
  return numbers;
}

}  // namespace veilsum::demo

#endif  // VEILSUM_EXAMPLES_DEMO_FILES_H_
