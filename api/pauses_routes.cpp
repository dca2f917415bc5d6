// SPDX-License-Identifier: Apache-2.0
// /v1/pauses and /v1/profiles/{name}/windows: what keeps items from being sent for a while.
#include <fmt/format.h>

#include <array>

#include "api/detail/endpoint.hpp"
#include "api/detail/json.hpp"
#include "director/history.hpp"
#include "director/pauses.hpp"
#include "director/profiles.hpp"
#include "director/windows.hpp"

namespace mooring::api::detail {
namespace {

constexpr std::size_t kLongestReason = 500;

Json pause_json(const director::Pause& pause) {
  return {{"id", pause.id},         {"scope", pause.target}, {"until", json_of(pause.until)},
          {"reason", pause.reason}, {"actor", pause.actor},  {"created_at", to_rfc3339(pause.created_at)}};
}

std::unexpected<Error> unknown_pause(std::string_view id) {
  return fail(Failure::not_found, "pause.unknown", fmt::format("there is no pause with the id {}", id));
}

Result<std::optional<Time>> read_until(const Json& body, Time now) {
  const auto text = optional_text(body, "until");
  if (!text) return std::unexpected(text.error());
  if (!*text) return std::optional<Time>();
  const auto until = from_rfc3339(**text);
  if (until && *until > now) return until;
  return fail(
      Failure::invalid, "pause.bad_end",
      fmt::format("\"{}\" is no time to come: write one as in RFC 3339, or leave \"until\" out", **text));
}

/// The item that is concerned, for changes that name a profile.
std::optional<std::int32_t> item_named(pg::Connection& connection, std::string_view name) {
  const auto profile = director::find_profile(connection, name);
  return profile ? std::optional(profile->item) : std::nullopt;
}

void log_pause(const Call& call, const director::Pause& pause, std::string_view action) {
  constexpr std::string_view kProfile = "profile:";
  const std::string_view target = pause.target;
  const auto item =
      target.starts_with(kProfile) ? item_named(call.db, target.substr(kProfile.size())) : std::nullopt;
  director::log_change(call.db, call.actor,
                       {.action = action, .item = item, .scope = target, .detail = pause_json(pause).dump()},
                       call.now);
}

Result<Answer> post_pause(Call call) {
  const auto body = parse_object(call.request, {"scope", "until", "reason"});
  if (!body) return std::unexpected(body.error());
  const auto scope = required_text(*body, "scope");
  if (!scope) return std::unexpected(scope.error());
  const auto reason = required_text(*body, "reason");
  if (!reason) return std::unexpected(reason.error());
  if (reason->size() > kLongestReason) {
    return fail(Failure::invalid, "pause.bad_reason",
                fmt::format("say why in up to {} bytes", kLongestReason));
  }
  const auto until = read_until(*body, call.now);
  if (!until) return std::unexpected(until.error());
  const auto put = director::put_pause(
      call.db, {.target = *scope, .until = *until, .reason = *reason, .actor = std::string(call.actor)},
      call.now);
  if (!put) return std::unexpected(put.error());
  log_pause(call, put->pause, "pause.declared");
  Answer answer = json_response(put->created ? 201 : 200, pause_json(put->pause));
  answer.response.headers.set("Location", fmt::format("/v1/pauses/{}", put->pause.id));
  answer.ring = true;
  return answer;
}

Result<Answer> get_pauses(Call call) {
  const auto page = numbered_page_of(call.request, "pauses");
  if (!page) return std::unexpected(page.error());
  if (page->after > std::numeric_limits<std::int32_t>::max())
    return json_response(200, page_json(Json::array()));
  auto pauses =
      director::list_pauses(call.db, call.now, static_cast<std::int32_t>(page->after), page->limit + 1);
  std::optional<std::string> next;
  if (pauses.size() > static_cast<std::size_t>(page->limit)) {
    pauses.pop_back();
    next = make_cursor("pauses", std::to_string(pauses.back().id));
  }
  auto items = Json::array();
  for (const auto& pause : pauses) items.push_back(pause_json(pause));
  return json_response(200, page_json(std::move(items), next));
}

Result<Answer> get_pause(Call call) {
  const auto text = call.request.param("id");
  const auto id = parse_number<std::int32_t>(text);
  const auto pause = id ? director::find_pause(call.db, *id, call.now) : std::nullopt;
  if (!pause) return unknown_pause(text);
  return json_response(200, pause_json(*pause));
}

Result<Answer> delete_one_pause(Call call) {
  const auto text = call.request.param("id");
  const auto id = parse_number<std::int32_t>(text);
  const auto pause = id ? director::find_pause(call.db, *id, call.now) : std::nullopt;
  if (!id || !director::delete_pause(call.db, *id, call.now)) return unknown_pause(text);
  if (pause) log_pause(call, *pause, "pause.ended");
  Answer answer;
  answer.response.status = 204;
  answer.ring = true;
  return answer;
}

Json windows_json(const director::Windows& windows) {
  return {{"windows", Json::parse(director::write_windows(windows))}};
}

Result<Answer> get_profile_windows(Call call) {
  const auto windows = director::find_windows(call.db, call.request.param("name"));
  if (!windows) return std::unexpected(windows.error());
  return json_response(200, windows_json(*windows));
}

Result<Answer> put_profile_windows(Call call) {
  const auto body = parse_object(call.request, {"windows"});
  if (!body) return std::unexpected(body.error());
  const auto list = body->find("windows");
  if (list == body->end()) return fail(Failure::invalid, "request.missing_key", "\"windows\" is missing");
  const auto windows = director::read_windows(list->dump());
  if (!windows) return std::unexpected(windows.error());
  const auto put = director::put_windows(call.db, call.request.param("name"), *windows, call.now);
  if (!put) return std::unexpected(put.error());
  director::log_change(call.db, call.actor,
                       {.action = "windows.declared",
                        .item = item_named(call.db, call.request.param("name")),
                        .detail = windows_json(*windows).dump()},
                       call.now);
  Answer answer = json_response(200, windows_json(*windows));
  answer.ring = true;
  return answer;
}

}  // namespace

std::span<const Endpoint> pause_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/pauses", Access::read, get_pauses},
      Endpoint{"POST", "/v1/pauses", Access::write, post_pause},
      Endpoint{"GET", "/v1/pauses/{id}", Access::read, get_pause},
      Endpoint{"DELETE", "/v1/pauses/{id}", Access::write, delete_one_pause},
      Endpoint{"GET", "/v1/profiles/{name}/windows", Access::read, get_profile_windows},
      Endpoint{"PUT", "/v1/profiles/{name}/windows", Access::write, put_profile_windows},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail
