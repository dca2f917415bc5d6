// SPDX-License-Identifier: Apache-2.0
// The two readers behind parse(): own code in place of libplist's, see docs/decisions/0003-plist-reader.md.
#pragma once

#include <string>
#include <string_view>

#include "base/plist/builder.hpp"
#include "base/plist/plist.hpp"
#include "base/result.hpp"

namespace mooring::plist::detail {

Result<Value> read_xml(std::string_view bytes, const Limits& limits);
Result<Value> read_binary(std::string_view bytes, const Limits& limits);

/// plist.malformed with the place.
Error malformed(std::size_t offset, std::string_view why);
/// The builder's refusal with the place.
Error refused(Problem problem, std::size_t offset, const Limits& limits);

}  // namespace mooring::plist::detail
