// SPDX-License-Identifier: Apache-2.0
// What NanoMDM's clients send and read: lists of ids, the reply to push and enqueue, credentials. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/http/message.hpp"
#include "base/result.hpp"

namespace mooring::api::nanomdm {

/// Ids are any text a device sent, so that one may hold a comma; clients separate ids by commas and escape
/// them or not. Between bare commas lies one id, or several whose commas were escaped: what is known decides.
struct IdGroup {
  std::string whole;               ///< Decoded.
  std::vector<std::string> parts;  ///< Of `whole` between commas; empty where it has none.
};
std::vector<IdGroup> read_ids(std::string_view raw);

struct IdStatus {
  std::string push_error;
  std::string push_result;  ///< apns-id
  std::string command_error;
};

struct Reply {
  std::map<std::string, IdStatus> status;
  bool no_push = false;
  std::string push_error;     ///< Of the push as a whole: no push service, no certificate for the topic.
  std::string command_error;  ///< Of the command as a whole: then nothing is queued.
  std::string command_uuid;
  std::string request_type;

  /// An id's own error, or one of the push as a whole.
  void add_push(const std::string& id, const Result<std::string>& apns_id);
};

/// 200: all went well, 207: some failed, 500: all failed. A push that fails as a whole is 500 although the
/// commands are queued (`queued` of them): no command_error says so.
http::Response push_response(const Reply& reply);
http::Response enqueue_response(const Reply& reply, std::size_t queued);

/// {"error": ...}
http::Response error_response(int status, std::string_view message);

/// The API token of an Authorization field: Basic with the user nanomdm, or Bearer. auth.missing where it is
/// neither.
Result<std::string> token_of(std::string_view authorization);

/// RFC 3986 section 2.1, everything but unreserved characters.
std::string percent_encode(std::string_view text);

}  // namespace mooring::api::nanomdm
