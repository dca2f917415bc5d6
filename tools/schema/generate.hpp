// SPDX-License-Identifier: Apache-2.0
// Turns Apple's device-management schema (YAML) into the table of facts that schema/ embeds: key names,
// types, presence, allowed values and where they are available; no prose.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace mooring::schema {

/// `apple_dir` holds commands/, checkin/, errors/ and profiles/ (or a folder mdm/ that does). The result is
/// sorted and depends on nothing but those files. Errors: schema.unreadable, schema.unexpected (a construct
/// of the YAML that the table cannot say, so that a new kind of fact is never dropped silently).
Result<std::string> generate(const std::filesystem::path& apple_dir);

/// What differs between two tables, at most `limit` lines of "+ new" and "- gone"; empty where equal.
std::string difference(std::string_view committed, std::string_view current, std::size_t limit = 20);

}  // namespace mooring::schema
