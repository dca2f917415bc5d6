// SPDX-License-Identifier: Apache-2.0
// openapi.yaml, compiled in: the source of truth of what the API takes and answers.
#pragma once

#include <string>
#include <string_view>

namespace mooring::api {

std::string_view openapi_yaml();
/// The same as JSON, for clients; converted once.
const std::string& openapi_json();

}  // namespace mooring::api
