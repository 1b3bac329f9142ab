// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/identities/settings.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace veilsum::crypto::internal {
namespace {

constexpr char kExpected[] =
    "expected a comment (# …), a table ([name]), or key = value with a whole number or a text in "
    "double quotes on one line";

bool IsBareKeyCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
}

bool IsControl(char c) { return c != '\t' && absl::ascii_iscntrl(static_cast<unsigned char>(c)); }

// One line, taken from the left piece by piece.
class Cursor {
 public:
  explicit Cursor(absl::string_view line) : rest_(absl::StripAsciiWhitespace(line)) {}

  bool AtEnd() const { return rest_.empty() || rest_.front() == '#'; }
  bool Take(char c) {
    SkipSpace();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    SkipSpace();
    return true;
  }
  // "…" without escapes.
  bool TakeText(std::string& text) {
    if (rest_.empty() || rest_.front() != '"') return false;
    const size_t end = rest_.find('"', 1);
    if (end == absl::string_view::npos) return false;
    const absl::string_view inside = rest_.substr(1, end - 1);
    if (inside.find('\\') != absl::string_view::npos) return false;
    text = std::string(inside);
    rest_.remove_prefix(end + 1);
    SkipSpace();
    return true;
  }
  template <class Predicate>
  bool TakeWhile(Predicate predicate, std::string& taken) {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), predicate);
    taken.assign(rest_.begin(), end);
    rest_.remove_prefix(taken.size());
    SkipSpace();
    return !taken.empty();
  }
  bool TakeKey(std::string& key) {
    return TakeText(key) ? !key.empty() : TakeWhile(IsBareKeyCharacter, key);
  }

 private:
  void SkipSpace() { rest_ = absl::StripLeadingAsciiWhitespace(rest_); }

  absl::string_view rest_;
};

bool ParseTable(Cursor& cursor, std::string& table) {
  return cursor.TakeKey(table) && cursor.Take(']') && cursor.AtEnd();
}

bool ParseSetting(Cursor& cursor, Setting& setting) {
  if (!cursor.TakeKey(setting.key) || !cursor.Take('=')) return false;
  setting.is_text = cursor.TakeText(setting.value);
  const auto is_digit = [](char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); };
  return (setting.is_text || cursor.TakeWhile(is_digit, setting.value)) && cursor.AtEnd();
}

absl::Status At(absl::string_view file, size_t line, absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(file, ":", line, ": ", text));
}

std::string PathOf(const Setting& setting) {
  return setting.table.empty() ? setting.key : absl::StrCat(setting.table, ".", setting.key);
}

}  // namespace

absl::StatusOr<std::vector<Setting>> ParseSettings(absl::string_view text, absl::string_view file) {
  std::vector<Setting> settings;
  std::set<std::string> tables;
  std::set<std::pair<std::string, std::string>> keys;
  std::string table;
  size_t number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripSuffix(line, "\r");
    if (std::any_of(line.begin(), line.end(), IsControl)) {
      return At(file, number, "holds control characters, so this is no text file");
    }
    Cursor cursor(line);
    if (cursor.AtEnd()) continue;
    if (cursor.Take('[')) {
      if (!ParseTable(cursor, table)) return At(file, number, kExpected);
      if (!tables.insert(table).second) {
        return At(file, number, absl::StrCat("[", table, "] is there twice; join the two"));
      }
      continue;
    }
    Setting setting = {number, table, "", "", false};
    if (!ParseSetting(cursor, setting)) return At(file, number, kExpected);
    if (!keys.emplace(setting.table, setting.key).second) {
      return SettingError(file, setting, "is there twice; remove one of the lines");
    }
    settings.push_back(std::move(setting));
  }
  return settings;
}

absl::Status SettingError(absl::string_view file, const Setting& setting, absl::string_view text) {
  return At(file, setting.line, absl::StrCat(PathOf(setting), " ", text));
}

absl::StatusOr<uint64_t> ReadVersion(absl::string_view file, const Setting& setting) {
  int64_t version = 0;
  if (setting.is_text || !absl::SimpleAtoi(setting.value, &version) || version < 1) {
    return SettingError(file, setting,
                        absl::StrCat("must be a whole number from 1 to ",
                                     std::numeric_limits<int64_t>::max(), ", without quotes"));
  }
  return static_cast<uint64_t>(version);
}

}  // namespace veilsum::crypto::internal
