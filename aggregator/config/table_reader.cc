// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/config/table_reader.h"

#include <algorithm>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "proto/reason_status.h"

namespace veilsum::aggregator {
namespace {

std::string_view View(absl::string_view text) { return {text.data(), text.size()}; }

std::string TypeName(const toml::node& node) {
  std::ostringstream name;
  name << node.type();
  return name.str();
}

// Behind the quoted text or comment that begins at `at`; one further where none does.
size_t SkipText(absl::string_view text, size_t at) {
  const char quote = text[at];
  if (quote == '#') return std::min(text.find('\n', at), text.size());
  if (quote != '"' && quote != '\'') return at + 1;
  // Elsewhere the quote is a mistake, and opens nothing.
  if (at > 0 && !absl::StrContains(" \t\n=,.[{", text.substr(at - 1, 1))) return at + 1;
  const std::string triple(3, quote);
  const bool many_lines = absl::StartsWith(text.substr(at), triple);
  at += many_lines ? 3 : 1;
  for (; at < text.size(); ++at) {
    if (quote == '"' && text[at] == '\\') {
      ++at;
    } else if (many_lines && absl::StartsWith(text.substr(at), triple)) {
      // Two more may belong to the text.
      return std::min(text.find_first_not_of(quote, at), at + 5);
    } else if (!many_lines && (text[at] == quote || text[at] == '\n')) {
      return at + 1;
    }
  }
  return text.size();
}

// The line of the first character beyond ASCII that is neither quoted nor in a comment, where TOML
// has none; 0: there is none. toml++ 3.3 has no defined behaviour for some of them.
size_t LineOfStrayCharacter(absl::string_view text) {
  absl::ConsumePrefix(&text, "\xef\xbb\xbf");
  for (size_t at = 0; at < text.size(); at = SkipText(text, at)) {
    if (static_cast<unsigned char>(text[at]) < 0x80) continue;
    return 1 + static_cast<size_t>(std::count(text.begin(), text.begin() + at, '\n'));
  }
  return 0;
}

}  // namespace

void Document::Fail(absl::string_view place, absl::string_view text) {
  Fail(place, MakeError(absl::StatusCode::kInvalidArgument, v1::REASON_INVALID_ARGUMENT, text));
}

void Document::Fail(absl::string_view place, const absl::Status& error) {
  if (!status.ok()) return;
  status = MakeError(error.code(), ReasonOf(error), absl::StrCat(place, ": ", error.message()));
}

absl::StatusOr<Document> ParseDocument(absl::string_view text, absl::string_view file) {
  Document document;
  document.file = std::string(file);
  if (const size_t line = LineOfStrayCharacter(text); line != 0) {
    document.Fail(absl::StrCat(file, ":", line),
                  "not valid TOML: a character that is not ASCII stands outside of quotes");
    return document.status;
  }
  toml::parse_result parsed = toml::parse(View(text), View(file));
  if (!parsed) {
    const toml::source_position& at = parsed.error().source().begin;
    const std::string_view why = parsed.error().description();
    document.Fail(absl::StrCat(file, ":", at.line, ":", at.column),
                  absl::StrCat("not valid TOML: ", absl::string_view(why.data(), why.size())));
    return document.status;
  }
  document.root = std::move(parsed).table();
  return document;
}

TableReader::TableReader(Document& document, const toml::table* table, std::string path)
    : document_(document), table_(table), path_(std::move(path)) {}

std::string TableReader::PathOf(absl::string_view key) const {
  if (path_.empty()) return std::string(key);
  return key.empty() ? path_ : absl::StrCat(path_, ".", key);
}

const toml::node* TableReader::Find(absl::string_view key) {
  known_.emplace_back(key);
  if (!ok() || table_ == nullptr) return nullptr;
  return table_->get(View(key));
}

bool TableReader::Has(absl::string_view key) const {
  return (table_ != nullptr && table_->contains(View(key))) ||
         document_.overrides.count(PathOf(key)) != 0;
}

Override* TableReader::FindOverride(absl::string_view key) {
  if (!ok()) return nullptr;
  const auto found = document_.overrides.find(PathOf(key));
  if (found == document_.overrides.end()) return nullptr;
  found->second.used = true;
  return &found->second;
}

std::string TableReader::PlaceOf(absl::string_view key) const {
  const toml::node* node = table_;
  if (table_ != nullptr && !key.empty() && table_->contains(View(key))) {
    node = table_->get(View(key));
  }
  const uint32_t line = node == nullptr ? 0 : node->source().begin.line;
  return line == 0 ? document_.file : absl::StrCat(document_.file, ":", line);
}

void TableReader::Fail(const absl::Status& error) { document_.Fail(PlaceOf(""), error); }

void TableReader::Fail(absl::string_view key, absl::string_view text) {
  const auto overridden = document_.overrides.find(PathOf(key));
  if (overridden != document_.overrides.end()) {
    document_.Fail(overridden->second.origin, absl::StrCat(PathOf(key), " ", text));
    return;
  }
  const std::string path = PathOf(key);
  document_.Fail(PlaceOf(key), path.empty() ? std::string(text) : absl::StrCat(path, " ", text));
}

void TableReader::String(absl::string_view key, std::string& value) {
  const toml::node* node = Find(key);
  if (const Override* from = FindOverride(key)) {
    value = from->text;
  } else if (node != nullptr) {
    const toml::value<std::string>* text = node->as_string();
    if (text == nullptr) return Fail(key, absl::StrCat("must be a string, is ", TypeName(*node)));
    value = text->get();
  }
}

void TableReader::Bool(absl::string_view key, bool& value) {
  const toml::node* node = Find(key);
  if (const Override* from = FindOverride(key)) {
    if (from->text != "true" && from->text != "false") return Fail(key, "must be true or false");
    value = from->text == "true";
  } else if (node != nullptr) {
    const toml::value<bool>* flag = node->as_boolean();
    if (flag == nullptr) {
      return Fail(key, absl::StrCat("must be true or false, is ", TypeName(*node)));
    }
    value = flag->get();
  }
}

void TableReader::Unsigned(absl::string_view key, uint64_t& value, uint64_t least, uint64_t most) {
  const toml::node* node = Find(key);
  int64_t number = 0;
  if (const Override* from = FindOverride(key)) {
    if (!absl::SimpleAtoi(from->text, &number)) return Fail(key, "must be a whole number");
  } else if (node != nullptr) {
    const toml::value<int64_t>* integer = node->as_integer();
    if (integer == nullptr) {
      return Fail(key, absl::StrCat("must be a whole number, is ", TypeName(*node)));
    }
    number = integer->get();
  } else {
    return;
  }
  if (number < 0 || static_cast<uint64_t>(number) < least || static_cast<uint64_t>(number) > most) {
    return Fail(key, absl::StrCat("must be from ", least, " to ", most, ", is ", number));
  }
  value = static_cast<uint64_t>(number);
}

void TableReader::Number(absl::string_view key, double& value) {
  const toml::node* node = Find(key);
  if (const Override* from = FindOverride(key)) {
    if (!absl::SimpleAtod(from->text, &value)) Fail(key, "must be a number");
  } else if (node != nullptr) {
    // A whole number will do.
    const auto number = node->is_number() ? node->value<double>() : std::nullopt;
    if (!number.has_value()) {
      return Fail(key, absl::StrCat("must be a number, is ", TypeName(*node)));
    }
    value = *number;
  }
}

void TableReader::Choice(absl::string_view key,
                         absl::Span<const std::pair<absl::string_view, int>> names, int& value) {
  std::string text;
  String(key, text);
  if (!ok() || !Has(key)) return;
  for (const auto& [name, number] : names) {
    if (text == name) {
      value = number;
      return;
    }
  }
  Fail(key, absl::StrCat("must be one of ",
                         absl::StrJoin(names, ", ",
                                       [](std::string* out, const auto& choice) {
                                         absl::StrAppend(out, "\"", choice.first, "\"");
                                       }),
                         ", is \"", text, "\""));
}

TableReader TableReader::Table(absl::string_view key) {
  const toml::node* node = Find(key);
  const toml::table* table = node == nullptr ? nullptr : node->as_table();
  if (node != nullptr && table == nullptr) {
    Fail(key, absl::StrCat("must be a table, [", PathOf(key), "], is ", TypeName(*node)));
  }
  return TableReader(document_, table, PathOf(key));
}

std::vector<TableReader> TableReader::Tables(absl::string_view key) {
  std::vector<TableReader> readers;
  const toml::node* node = Find(key);
  if (node == nullptr) return readers;
  const toml::array* array = node->as_array();
  const auto is_table = [](const toml::node& element) { return element.is_table(); };
  if (array == nullptr || !std::all_of(array->begin(), array->end(), is_table)) {
    Fail(key, absl::StrCat("must be tables, each beginning with [[", PathOf(key), "]]"));
    return readers;
  }
  for (const toml::node& element : *array) {
    readers.emplace_back(document_, element.as_table(), PathOf(key));
  }
  return readers;
}

void TableReader::Finish() {
  if (!ok() || table_ == nullptr) return;
  for (const auto& [name, node] : *table_) {
    const std::string key(name.str());
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    document_.Fail(absl::StrCat(document_.file, ":", name.source().begin.line),
                   absl::StrCat(PathOf(key),
                                " is not a known key; known here: ", absl::StrJoin(known_, ", ")));
    return;
  }
}

}  // namespace veilsum::aggregator
