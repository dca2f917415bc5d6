// SPDX-License-Identifier: Apache-2.0
// One line is one write(2) under a mutex: lines of several threads never mix, and nothing is lost in a crash.
#include "base/log.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <iterator>
#include <mutex>

#include "base/clock.hpp"

namespace mooring {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
    case LogLevel::off:
      break;
  }
  return "off";
}

/// Length of the well-formed UTF-8 sequence at the front; 0 where there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
  }
  const unsigned char second = byte(1);
  const bool foreign = (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
                       (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F);
  return foreign ? 0 : length;
}

/// The escapes of JSON; logfmt readers take the same. Control characters could forge lines or drive a
/// terminal.
void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text.front());
    std::size_t used = 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (c < 0x20 || c == 0x7F) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
        } else if (c == 0xC2 && text.size() > 1 && static_cast<unsigned char>(text[1]) >= 0x80 &&
                   static_cast<unsigned char>(text[1]) < 0xA0) {  // C1 controls: U+0080 to U+009F
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(text[1]));
          used = 2;
        } else if (const std::size_t length = utf8_length(text); length > 0) {
          out.append(text.substr(0, length));
          used = length;
        } else {
          out += kReplacement;
        }
    }
    text.remove_prefix(used);
  }
  out += '"';
}

bool is_plain(char c) { return c > ' ' && c < '\x7f' && c != '"' && c != '=' && c != '\\'; }

void append_logfmt_text(std::string& out, std::string_view text) {
  bool plain = !text.empty();
  for (const char c : text) plain = plain && is_plain(c);
  if (plain) {
    out += text;
  } else {
    append_quoted(out, text);
  }
}

void append_value(std::string& out, const LogField::Value& value, LogFormat format) {
  const auto append = [&]<class T>(const T& v) {
    if constexpr (std::is_same_v<T, std::string_view>) {
      format == LogFormat::json ? append_quoted(out, v) : append_logfmt_text(out, v);
    } else if constexpr (std::is_same_v<T, double>) {
      // JSON has no word for these.
      const bool quote = format == LogFormat::json && !std::isfinite(v);
      out += quote ? "\"" + fmt::to_string(v) + "\"" : fmt::to_string(v);
    } else {
      out += fmt::to_string(v);
    }
  };
  std::visit(append, value);
}

void append_logfmt_key(std::string& out, std::string_view key) {
  for (const char c : key) out += is_plain(c) ? c : '_';
}

std::string logfmt_line(std::string_view time, LogLevel level, std::string_view message, LogFields fields) {
  std::string line = fmt::format("time={} level={} msg=", time, level_name(level));
  append_logfmt_text(line, message);
  for (const auto& field : fields) {
    line += ' ';
    append_logfmt_key(line, field.key);
    line += '=';
    append_value(line, field.value, LogFormat::logfmt);
  }
  return line += '\n';
}

std::string json_line(std::string_view time, LogLevel level, std::string_view message, LogFields fields) {
  std::string line = fmt::format(R"({{"time":"{}","level":"{}","msg":)", time, level_name(level));
  append_quoted(line, message);
  for (const auto& field : fields) {
    line += ',';
    append_quoted(line, field.key);
    line += ':';
    append_value(line, field.value, LogFormat::json);
  }
  return line += "}\n";
}

void write_to_stderr(std::string_view line) {
  while (!line.empty()) {
    const auto count = ::write(STDERR_FILENO, line.data(), line.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;  // Nobody is left to tell.
    line.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace

struct Logger::Impl {
  LogLevel level;
  LogFormat format;
  std::string* sink;
  std::mutex mutex;
};

Logger::Logger(LogLevel level, LogFormat format) : Logger(level, format, nullptr) {}
Logger::Logger(LogLevel level, LogFormat format, std::string* sink)
    : impl_(std::make_unique<Impl>(level, format, sink)) {}
Logger::~Logger() = default;

bool Logger::enabled(LogLevel level) const { return level >= impl_->level && level != LogLevel::off; }

void Logger::write(LogLevel level, std::string_view message, LogFields fields) const {
  if (!enabled(level)) return;
  const std::string time = to_rfc3339(SystemClock{}.now());
  const auto line = impl_->format == LogFormat::json ? json_line(time, level, message, fields)
                                                     : logfmt_line(time, level, message, fields);
  const std::scoped_lock lock(impl_->mutex);
  if (impl_->sink != nullptr) {
    *impl_->sink += line;
  } else {
    write_to_stderr(line);
  }
}

}  // namespace mooring
