// SPDX-FileCopyrightText: 2026 The Veilsum Authors
// SPDX-License-Identifier: Apache-2.0

#include "aggregator/log.h"

#include <unistd.h>

#include <memory>

#include "absl/strings/str_format.h"
#include "spdlog/pattern_formatter.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace veilsum::aggregator {
namespace {

// %* in the pattern: the message, fit to stand in quotes.
class EscapedMessage : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
              spdlog::memory_buf_t& out) override {
    const std::string escaped =
        EscapeJson(absl::string_view(message.payload.data(), message.payload.size()));
    out.append(escaped.data(), escaped.data() + escaped.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<EscapedMessage>();
  }
};

}  // namespace

std::string EscapeJson(absl::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      escaped += '\\';
      escaped += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&escaped, "\\u%04x", static_cast<unsigned char>(c));
    } else {
      escaped += c;
    }
  }
  return escaped;
}

void StartLog(const std::string& level, const std::string& format) {
  const auto logger = std::make_shared<spdlog::logger>(
      "aggregator", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  const bool text = format == "text" || (format == "auto" && isatty(STDERR_FILENO) == 1);
  auto formatter = std::make_unique<spdlog::pattern_formatter>(
      text ? spdlog::pattern_time_type::local : spdlog::pattern_time_type::utc);
  formatter->add_flag<EscapedMessage>('*');
  formatter->set_pattern(text ? "%H:%M:%S.%e %l: %v"
                              : R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":"%*"})");
  logger->set_formatter(std::move(formatter));
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(logger);
}

}  // namespace veilsum::aggregator
