// SPDX-License-Identifier: Apache-2.0
// JSON to property lists, led by Apple's schema: text becomes data where the schema wants data.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/plist/value.hpp"
#include "base/result.hpp"
#include "schema/key.hpp"

namespace mooring::core::enroll::detail {

using Json = nlohmann::ordered_json;

std::unexpected<Error> invalid(const std::string& path, const std::string& what);

/// `key`: what the schema says of it; null where it says nothing.
Result<plist::Value> to_plist(const Json& json, const schema::Key* key, const std::string& path);
Result<plist::Dict> to_dict(const Json& json, const schema::Key* key, const std::string& path);
/// A payload as a JSON object, or as an XML property list in a text: its <dict> alone or a whole document.
Result<plist::Dict> to_payload(const Json& json, const std::string& path);

}  // namespace mooring::core::enroll::detail
