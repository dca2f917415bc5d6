// SPDX-License-Identifier: Apache-2.0
// Verbs that ask a running server: where it is, and with which token.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/http/message.hpp"
#include "base/result.hpp"

namespace mooring::app {

struct ApiAccess {
  std::string url;         ///< Empty: $MOORING_API, or http://127.0.0.1:8000.
  std::string token_file;  ///< Empty: $MOORING_TOKEN.
  std::string trust_file;  ///< PEM of the roots of an https:// API; empty: the system's.
};

/// The whole of a file: file.unreadable.
Result<std::string> read_whole_file(const std::string& path);

/// The body of an answer that says that it went well, null where it has none. Errors: api.refused with the
/// server's words, those of http::fetch.
Result<nlohmann::json> call_api(const ApiAccess& api, http::Request request);

}  // namespace mooring::app
