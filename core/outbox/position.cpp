// SPDX-License-Identifier: Apache-2.0
#include "core/outbox/position.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace mooring::core {

std::string to_text(const EventCursor& cursor) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(cursor.at).time_since_epoch().count();
  return fmt::format("{}.{}.{}.{}", cursor.epoch, cursor.position.xid, cursor.position.id, seconds);
}

std::optional<EventCursor> parse_event_cursor(std::string_view text) {
  std::array<std::int64_t, 4> numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto dot = text.find('.');
    if ((dot == std::string_view::npos) != (i + 1 == numbers.size())) return std::nullopt;
    const std::string_view digits = text.substr(0, dot);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), numbers[i]);
    if (error != std::errc{} || end != digits.data() + digits.size() || numbers[i] < 0) return std::nullopt;
    text = dot == std::string_view::npos ? std::string_view{} : text.substr(dot + 1);
  }
  constexpr std::int64_t kLastSecond = 253402300799;  // 9999-12-31
  if (numbers[0] > INT32_MAX || numbers[3] > kLastSecond) return std::nullopt;
  return EventCursor{.epoch = static_cast<std::int32_t>(numbers[0]),
                     .position = {static_cast<std::uint64_t>(numbers[1]), numbers[2]},
                     .at = Time{std::chrono::seconds(numbers[3])}};
}

}  // namespace mooring::core
