// SPDX-License-Identifier: Apache-2.0
// What counts as a value of an option: one place for the check, its error text and the getters.
#pragma once

#include <string>
#include <string_view>

#include "base/options.hpp"

namespace mooring::detail {

bool is_option_value(const OptionSpec& spec, std::string_view text);
/// Ends the sentence "... is not": "a whole number", "one of logfmt, json".
std::string describe_option_value(const OptionSpec& spec);
/// A value for an error text: one line, of bearable length.
std::string shown_option_value(std::string_view text);

}  // namespace mooring::detail
