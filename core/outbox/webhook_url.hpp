// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace mooring::core {

struct WebhookUrl {
  std::string base;    ///< http://host:port or https://host:port, as http::Client takes it.
  std::string target;  ///< Path and query, "/" at least.
};

/// Errors: webhook.bad_url with what is wrong. User information is refused: a password belongs into a header,
/// where it is sealed.
Result<WebhookUrl> parse_webhook_url(std::string_view url);

}  // namespace mooring::core
