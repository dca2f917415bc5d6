// SPDX-License-Identifier: Apache-2.0
// Logic in three values (Kleene): what is not known neither includes nor excludes.
#pragma once

#include <algorithm>
#include <cstdint>

namespace mooring::director {

/// Ordered: `and` is the least of its parts, `or` the greatest.
enum class Truth : std::int8_t { no = 0, unknown = 1, yes = 2 };

constexpr Truth truth_of(bool value) { return value ? Truth::yes : Truth::no; }
constexpr Truth both(Truth a, Truth b) { return std::min(a, b); }
constexpr Truth either(Truth a, Truth b) { return std::max(a, b); }
constexpr Truth negated(Truth a) { return static_cast<Truth>(2 - static_cast<int>(a)); }

}  // namespace mooring::director
