// SPDX-License-Identifier: Apache-2.0
// Builds of Apple's systems, such as 25B78 or 25C5031i.
#pragma once

#include <compare>
#include <string_view>

namespace mooring::reconciler {

/// By train (25), then its letter (C), then the number in it; of two with the same, the one with a letter at
/// its end (a beta's) comes in the order of that letter, none before any. `unordered` where one of them is no
/// build.
std::partial_ordering compare_builds(std::string_view a, std::string_view b);

}  // namespace mooring::reconciler
