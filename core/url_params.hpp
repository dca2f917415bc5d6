// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace mooring::core {

/// The parameters of a query string as a JSON object of texts, decoded: administrators put tags of sites and
/// groups into the URLs of enrollment profiles, and consumers of events want them back. Empty where there are
/// none; of a repeated name the first counts; what PostgreSQL cannot hold (NUL, broken UTF-8) is left out.
std::string url_params_json(std::string_view query);

}  // namespace mooring::core
