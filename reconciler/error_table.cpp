// SPDX-License-Identifier: Apache-2.0
#include "reconciler/error_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ranges>
#include <string_view>

#include "core/payload_renderer.hpp"

namespace mooring::reconciler {
namespace {

struct ErrorRow {
  std::string_view domain;
  std::int64_t first;
  std::int64_t last;
  ErrorClass error_class;
};
// Apple publishes no list of codes. Here are only those whose meaning is known for certain; all others may
// pass.
constexpr std::array kErrorRows{
    // Malformed, unsupported version, missing or mistyped fields.
    ErrorRow{"MCProfileErrorDomain", 1000, 1008, ErrorClass::malformed},
    ErrorRow{"MCProfileErrorDomain", 1010, 1010, ErrorClass::malformed},
    ErrorRow{"MCPayloadErrorDomain", 2000, 2004, ErrorClass::malformed},
    // The device does not know the command.
    ErrorRow{"MCMDMErrorDomain", 12021, 12021, ErrorClass::impossible},
    // No device said so: see core/payload_renderer.hpp.
    ErrorRow{core::kRenderingDomain, core::kRenderingFailed, core::kRenderingFailed, ErrorClass::unmade},
};

}  // namespace

ErrorClass classify(core::CommandStatus status, const std::vector<core::ErrorChainItem>& chain) {
  if (status == core::CommandStatus::command_format_error) return ErrorClass::malformed;
  for (const auto& link : chain | std::views::reverse) {
    const auto* const row = std::ranges::find_if(kErrorRows, [&](const ErrorRow& r) {
      return link.domain == r.domain && link.code >= r.first && link.code <= r.last;
    });
    if (row != kErrorRows.end()) return row->error_class;
  }
  return ErrorClass::refused;
}

Allowance allowance_of(ErrorClass error_class, const Policy& policy) {
  if (error_class == ErrorClass::malformed || error_class == ErrorClass::impossible) return {};
  return {.attempts = policy.attempts, .first_wait = policy.retry_base, .longest_wait = policy.retry_max};
}

Reason reason_of(ErrorClass error_class) {
  switch (error_class) {
    case ErrorClass::malformed:
      return Reason::malformed;
    case ErrorClass::impossible:
      return Reason::impossible;
    case ErrorClass::refused:
      return Reason::refused;
    case ErrorClass::no_effect:
      return Reason::no_effect;
    case ErrorClass::unmade:
      return Reason::cannot_render;
  }
  return Reason::refused;
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
