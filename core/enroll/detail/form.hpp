// SPDX-License-Identifier: Apache-2.0
// The page where somebody signs in to enroll, and what it sends. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/enroll/settings.hpp"

namespace mooring::core::enroll::detail {

/// `message`: what was wrong before; empty at first.
std::string sign_in_html(const Settings& settings, std::string_view user, std::string_view message);
/// A field of application/x-www-form-urlencoded; nullopt where absent or broken.
std::optional<std::string> form_field(std::string_view body, std::string_view name);

}  // namespace mooring::core::enroll::detail
