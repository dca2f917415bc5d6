// SPDX-License-Identifier: Apache-2.0
// /v1/assignments: which profile belongs where.
#include <fmt/format.h>

#include <array>

#include "api/detail/endpoint.hpp"
#include "api/detail/event_view.hpp"
#include "api/detail/guard.hpp"
#include "api/detail/json.hpp"
#include "director/assignments.hpp"
#include "director/history.hpp"
#include "director/profiles.hpp"

namespace mooring::api::detail {
namespace {

Json assignment_json(const director::Assignment& assignment) {
  return {{"id", assignment.id},
          {"profile", assignment.item_name},
          {"scope", assignment.scope.text()},
          {"intent", assignment.intent == director::Intent::present ? "present" : "absent"},
          {"percent", assignment.filters.percent},
          {"include_any", assignment.filters.include_any},
          {"include_all", assignment.filters.include_all},
          {"exclude", assignment.filters.exclude},
          {"created_at", to_rfc3339(assignment.created_at)}};
}

std::unexpected<Error> unknown_assignment(std::string_view id) {
  return fail(Failure::not_found, "assignment.unknown",
              fmt::format("there is no assignment with the id {}", id));
}

Result<director::Intent> parse_intent(const std::optional<std::string>& text) {
  if (!text || *text == "present") return director::Intent::present;
  if (*text == "absent") return director::Intent::absent;
  return fail(Failure::invalid, "assignment.bad_intent",
              fmt::format("\"{}\" is no intent: write \"present\" or \"absent\"", *text));
}

Result<director::Filters> parse_filters(const Json& body) {
  director::Filters filters;
  const auto percent = body.find("percent");
  if (percent != body.end() && !percent->is_null()) {
    const auto number = percent->is_number_integer() ? percent->get<std::int64_t>() : -1;
    if (number < 0 || number > 100) {
      return fail(Failure::invalid, "assignment.bad_percent",
                  "\"percent\" has to be a whole number between 0 and 100");
    }
    filters.percent = static_cast<std::int16_t>(number);
  }
  struct Named {
    std::string_view key;
    std::vector<std::string>& groups;
  };
  for (const auto& [key, groups] :
       {Named{"include_any", filters.include_any}, Named{"include_all", filters.include_all},
        Named{"exclude", filters.exclude}}) {
    auto named = optional_texts(body, key);
    if (!named) return std::unexpected(named.error());
    if (*named) groups = std::move(**named);
  }
  return filters;
}

void log_assignment(const Call& call, const director::Assignment& assignment, std::string_view action) {
  const auto profile = director::find_profile(call.db, assignment.item_name);
  const auto scope = assignment.scope.text();
  director::log_change(call.db, call.actor,
                       {.action = action,
                        .item = profile ? std::optional(profile->item) : std::nullopt,
                        .scope = scope,
                        .detail = assignment_json(assignment).dump()},
                       call.now);
}

/// From so many devices at most a change of this assignment may take something.
std::int64_t most_by(pg::Connection& connection, std::string_view profile, const director::Scope& scope) {
  return scope.kind == director::ScopeKind::device ? 1 : devices_with(connection, profile);
}

struct WantedAssignment {
  std::string profile;
  director::Scope scope;
  director::Intent intent = director::Intent::present;
  director::Filters filters;
};

Result<WantedAssignment> read_assignment_order(const Call& call) {
  const auto body = parse_object(
      call.request, {"profile", "scope", "intent", "percent", "include_any", "include_all", "exclude"});
  if (!body) return std::unexpected(body.error());
  const auto profile = required_text(*body, "profile");
  if (!profile) return std::unexpected(profile.error());
  const auto scope_text = required_text(*body, "scope");
  if (!scope_text) return std::unexpected(scope_text.error());
  const auto scope = director::Scope::parse(*scope_text);
  if (!scope) return std::unexpected(scope.error());
  const auto intent_text = optional_text(*body, "intent");
  if (!intent_text) return std::unexpected(intent_text.error());
  const auto intent = parse_intent(*intent_text);
  if (!intent) return std::unexpected(intent.error());
  auto filters = parse_filters(*body);
  if (!filters) return std::unexpected(filters.error());
  return WantedAssignment{*profile, *scope, *intent, std::move(*filters)};
}

Result<Answer> put_assignment_now(const Call& call, const WantedAssignment& wanted) {
  const auto put = director::put_assignment(call.db, wanted.profile, wanted.scope, wanted.intent, call.now,
                                            wanted.filters);
  if (!put) return std::unexpected(put.error());
  if (put->changed) log_assignment(call, put->assignment, "assignment.declared");
  Json json{{"changed", put->changed}};
  json.update(assignment_json(put->assignment));
  Answer answer = json_response(put->created ? 201 : 200, json);
  answer.response.headers.set("Location", fmt::format("/v1/assignments/{}", put->assignment.id));
  answer.ring = put->changed;
  return answer;
}

Result<Answer> post_assignment(Call call) {
  const auto wanted = read_assignment_order(call);
  if (!wanted) return std::unexpected(wanted.error());
  const bool only_widens =
      wanted->intent == director::Intent::present && wanted->filters == director::Filters{};
  return guarded(call, only_widens ? 0 : most_by(call.db, wanted->profile, wanted->scope),
                 [&] { return put_assignment_now(call, *wanted); });
}

Result<Answer> get_assignments(Call call) {
  const auto page = numbered_page_of(call.request, "assignments");
  if (!page) return std::unexpected(page.error());
  if (page->after > std::numeric_limits<std::int32_t>::max())
    return json_response(200, page_json(Json::array()));
  auto assignments =
      director::list_assignments(call.db, static_cast<std::int32_t>(page->after), page->limit + 1);
  std::optional<std::string> next;
  if (assignments.size() > static_cast<std::size_t>(page->limit)) {
    assignments.pop_back();
    next = make_cursor("assignments", std::to_string(assignments.back().id));
  }
  auto items = Json::array();
  for (const auto& assignment : assignments) items.push_back(assignment_json(assignment));
  return json_response(200, page_json(std::move(items), next));
}

Result<Answer> get_assignment(Call call) {
  const auto text = call.request.param("id");
  const auto id = parse_number<std::int32_t>(text);
  const auto assignment = id ? director::find_assignment(call.db, *id) : std::nullopt;
  if (!assignment) return unknown_assignment(text);
  return json_response(200, assignment_json(*assignment));
}

Result<Answer> delete_one_assignment(Call call) {
  const auto text = call.request.param("id");
  const auto id = parse_number<std::int32_t>(text);
  const auto assignment = id ? director::find_assignment(call.db, *id) : std::nullopt;
  if (!assignment) return unknown_assignment(text);
  const bool removes = assignment->intent == director::Intent::present;
  return guarded(call, removes ? most_by(call.db, assignment->item_name, assignment->scope) : 0,
                 [&]() -> Result<Answer> {
                   if (!director::delete_assignment(call.db, *id, call.now)) return unknown_assignment(text);
                   log_assignment(call, *assignment, "assignment.deleted");
                   Answer answer;
                   answer.response.status = 204;
                   answer.ring = true;
                   return answer;
                 });
}

}  // namespace

std::span<const Endpoint> assignment_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/assignments", Access::read, get_assignments},
      Endpoint{"POST", "/v1/assignments", Access::write, post_assignment},
      Endpoint{"GET", "/v1/assignments/{id}", Access::read, get_assignment},
      Endpoint{"DELETE", "/v1/assignments/{id}", Access::write, delete_one_assignment},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail
