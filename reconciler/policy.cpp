// SPDX-License-Identifier: Apache-2.0
#include "reconciler/policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace mooring::reconciler {
namespace {

/// A well-spread value in [-1, 1] from a key (the finalizer of splitmix64).
double spread(std::uint64_t key) {
  key += 0x9E3779B97F4A7C15U;
  key = (key ^ (key >> 30U)) * 0xBF58476D1CE4E5B9U;
  key = (key ^ (key >> 27U)) * 0x94D049BB133111EBU;
  key ^= key >> 31U;
  return static_cast<double>(key >> 11U) * 0x1.0p-52 - 1.0;
}

Duration scaled(Duration interval, double factor) {
  return Duration{static_cast<std::int64_t>(static_cast<double>(interval.count()) * factor)};
}

struct TerminalRange {
  std::string_view domain;
  std::int64_t first;
  std::int64_t last;
};
// Codes that say "these bytes are wrong": malformed, unsupported version, missing or mistyped fields.
constexpr std::array kTerminal{
    TerminalRange{"MCProfileErrorDomain", 1000, 1008},
    TerminalRange{"MCProfileErrorDomain", 1010, 1010},
    TerminalRange{"MCPayloadErrorDomain", 2000, 2004},
};

}  // namespace

Duration backoff(Duration base, Duration max, int n, std::uint64_t key) {
  Duration wait = base;
  for (int i = 1; i < n && wait < max; ++i) wait *= 4;
  return scaled(std::min(wait, max), 1.0 + 0.2 * spread(key));
}

Duration jittered(Duration interval, std::uint64_t key) { return scaled(interval, 1.0 + 0.1 * spread(key)); }

ErrorClass classify(core::CommandStatus status, const std::vector<core::ErrorChainItem>& chain) {
  if (status == core::CommandStatus::command_format_error) return ErrorClass::terminal;
  const bool terminal = std::ranges::any_of(chain, [](const core::ErrorChainItem& item) {
    return std::ranges::any_of(kTerminal, [&](const TerminalRange& range) {
      return item.domain == range.domain && item.code >= range.first && item.code <= range.last;
    });
  });
  return terminal ? ErrorClass::terminal : ErrorClass::retryable;
}

std::string describe(core::CommandStatus status, const std::vector<core::ErrorChainItem>& chain) {
  const std::string_view name =
      status == core::CommandStatus::command_format_error ? "CommandFormatError" : "Error";
  if (chain.empty()) return std::string(name);
  const auto& outer = chain.front();
  const auto& text = outer.us_english.empty() ? outer.localized : outer.us_english;
  return fmt::format("{}: {} ({} {})", name, text, outer.domain, outer.code);
}

}  // namespace mooring::reconciler
