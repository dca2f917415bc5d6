// SPDX-License-Identifier: Apache-2.0
// Structured logging: a constant message and key/value pairs. Never a secret, never a whole body.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace mooring {

enum class LogLevel : std::uint8_t { debug, info, warning, error, off };
enum class LogFormat : std::uint8_t { logfmt, json };

struct LogField {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;
  std::string_view key;
  Value value;

  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, bool v) : key(k), value(v) {}
  LogField(std::string_view k, double v) : key(k), value(v) {}
  template <class Integer>
    requires std::is_integral_v<Integer>
  LogField(std::string_view k, Integer v) : key(k) {
    if constexpr (std::is_signed_v<Integer>) {
      value = static_cast<std::int64_t>(v);
    } else {
      value = static_cast<std::uint64_t>(v);
    }
  }
};
using LogFields = std::initializer_list<LogField>;

/// Writes one line per call to standard error (or to a sink given by a test). Safe from any thread.
class Logger {
 public:
  Logger(LogLevel level, LogFormat format);
  /// For tests: lines are appended to `*sink` instead.
  Logger(LogLevel level, LogFormat format, std::string* sink);
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  bool enabled(LogLevel level) const;
  void debug(std::string_view message, LogFields fields = {}) const {
    write(LogLevel::debug, message, fields);
  }
  void info(std::string_view message, LogFields fields = {}) const { write(LogLevel::info, message, fields); }
  void warning(std::string_view message, LogFields fields = {}) const {
    write(LogLevel::warning, message, fields);
  }
  void error(std::string_view message, LogFields fields = {}) const {
    write(LogLevel::error, message, fields);
  }

 private:
  void write(LogLevel level, std::string_view message, LogFields fields) const;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mooring
