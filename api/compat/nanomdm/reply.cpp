// SPDX-License-Identifier: Apache-2.0
#include "api/compat/nanomdm/reply.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "api/auth.hpp"
#include "api/detail/json.hpp"
#include "base/encoding.hpp"

namespace mooring::api::nanomdm {
namespace {

using detail::Json;

/// Pieces between commas that are not empty.
std::vector<std::string> between_commas(std::string_view text) {
  std::vector<std::string> pieces;
  for (const auto piece : std::views::split(text, ',')) {
    if (!piece.empty()) pieces.emplace_back(piece.begin(), piece.end());
  }
  return pieces;
}

void set_unless_empty(Json& json, const char* key, const std::string& text) {
  if (!text.empty()) json[key] = text;
}

Json json_of(const Reply& reply) {
  auto json = Json::object();
  for (const auto& [id, status] : reply.status) {
    auto& entry = json["status"][id] = Json::object();
    set_unless_empty(entry, "push_error", status.push_error);
    set_unless_empty(entry, "push_result", status.push_result);
    set_unless_empty(entry, "command_error", status.command_error);
  }
  if (reply.no_push) json["no_push"] = true;
  set_unless_empty(json, "push_error", reply.push_error);
  set_unless_empty(json, "command_error", reply.command_error);
  set_unless_empty(json, "command_uuid", reply.command_uuid);
  set_unless_empty(json, "request_type", reply.request_type);
  return json;
}

/// Errors that say nothing of the one device.
bool is_of_the_push_service(const Error& error) {
  return error.code == "push.not_configured" || error.code == "push.no_certificate" ||
         error.code == "push.certificate_refused";
}

std::size_t pushed(const Reply& reply) {
  return static_cast<std::size_t>(
      std::ranges::count_if(reply.status, [](const auto& s) { return !s.second.push_result.empty(); }));
}

bool any_id_failed(const Reply& reply) {
  return std::ranges::any_of(reply.status, [](const auto& entry) {
    return !entry.second.push_error.empty() || !entry.second.command_error.empty();
  });
}

/// `done`: what went well, of the kind that the request was for.
int status_of(const Reply& reply, std::size_t done) {
  if (done == 0) return 500;
  if (!reply.push_error.empty()) return pushed(reply) > 0 ? 207 : 500;
  return any_id_failed(reply) ? 207 : 200;
}

}  // namespace

std::vector<IdGroup> read_ids(std::string_view raw) {
  std::vector<IdGroup> groups;
  for (const auto& piece : between_commas(raw)) {
    IdGroup group{.whole = percent_decode(piece, false).value_or(piece), .parts = {}};
    if (group.whole.find(',') != std::string::npos) group.parts = between_commas(group.whole);
    groups.push_back(std::move(group));
  }
  return groups;
}

void Reply::add_push(const std::string& id, const Result<std::string>& apns_id) {
  if (apns_id) {
    // Some push services name nothing; a push that went well is told by its result all the same.
    status[id].push_result = apns_id->empty() ? "pushed" : *apns_id;
  } else if (is_of_the_push_service(apns_id.error())) {
    push_error = apns_id.error().message;
  } else {
    status[id].push_error = apns_id.error().message;
  }
}

http::Response push_response(const Reply& reply) {
  return detail::json_response(status_of(reply, pushed(reply)), json_of(reply));
}

http::Response enqueue_response(const Reply& reply, std::size_t queued) {
  return detail::json_response(status_of(reply, queued), json_of(reply));
}

http::Response error_response(int status, std::string_view message) {
  return detail::json_response(status, {{"error", message}});
}

Result<std::string> token_of(std::string_view authorization) {
  constexpr std::string_view kScheme = "basic ";
  constexpr std::string_view kUser = "nanomdm:";
  if (authorization.size() > kScheme.size() &&
      equal_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) {
    const auto credentials = from_base64(trim(authorization.substr(kScheme.size())));
    if (credentials && credentials->starts_with(kUser)) return credentials->substr(kUser.size());
    return fail(Failure::unauthorized, "auth.missing",
                "the user is nanomdm, and the password an API token of this server");
  }
  return bearer_token(authorization);
}

std::string percent_encode(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

}  // namespace mooring::api::nanomdm
