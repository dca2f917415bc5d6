// SPDX-License-Identifier: Apache-2.0
// Internal to schema/: one plist against one tree of keys.
#pragma once

#include <string>

#include "base/plist/value.hpp"
#include "schema/schema.hpp"

namespace mooring::schema {

/// Appends to `problems` what deviates. `key` must be of type dictionary.
void check_dict(const Key& key, const plist::Dict& dict, const Target& target, Problems& problems);
/// "macOS 14.1", for messages.
std::string describe(const Target& target);

}  // namespace mooring::schema
