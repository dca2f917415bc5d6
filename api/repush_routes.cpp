// SPDX-License-Identifier: Apache-2.0
// /v1/repush-jobs: sending again by a description of what and where, at a pace.
#include <fmt/format.h>

#include <array>
#include <limits>

#include "api/detail/endpoint.hpp"
#include "api/detail/event_view.hpp"
#include "api/detail/json.hpp"
#include "director/history.hpp"
#include "director/repush_jobs.hpp"
#include "reconciler/item_state.hpp"

namespace mooring::api::detail {
namespace {

constexpr std::int64_t kUsualPace = 100;
constexpr std::int64_t kFastestPace = 100'000;

std::optional<std::int16_t> state_named(std::string_view name) {
  for (int number = 0; number <= static_cast<int>(reconciler::kLastItemState); ++number) {
    if (reconciler::name_of(static_cast<reconciler::ItemState>(number)) == name)
      return static_cast<std::int16_t>(number);
  }
  return std::nullopt;
}

Json job_json(const director::RepushJob& job) {
  auto states = Json::array();
  for (const auto state : job.filter.states)
    states.push_back(reconciler::name_of(static_cast<reconciler::ItemState>(state)));
  return {{"id", job.id},
          {"profile", json_of(job.filter.profile)},
          {"group", json_of(job.filter.group)},
          {"states", std::move(states)},
          {"per_minute", job.per_minute},
          {"devices", job.devices},
          {"actor", job.actor},
          {"created_at", to_rfc3339(job.created_at)},
          {"finished_at", json_of(job.finished_at)},
          {"stopped", job.stopped}};
}

std::unexpected<Error> unknown_job(std::string_view id) {
  return fail(Failure::not_found, "repush_job.unknown",
              fmt::format("there is no re-push job with the id {}", id));
}

Result<std::int32_t> pace_of(const Json& body) {
  const auto found = body.find("per_minute");
  if (found == body.end() || found->is_null()) return static_cast<std::int32_t>(kUsualPace);
  const auto number = found->is_number_integer() ? found->get<std::int64_t>() : 0;
  if (number >= 1 && number <= kFastestPace) return static_cast<std::int32_t>(number);
  return fail(Failure::invalid, "repush_job.bad_pace",
              fmt::format("\"per_minute\" has to be a number of devices from 1 to {}", kFastestPace));
}

Result<std::vector<std::int16_t>> states_of(const Json& body) {
  const auto names = optional_texts(body, "states");
  if (!names) return std::unexpected(names.error());
  const auto failed_only = optional_flag(body, "failed_only");
  if (!failed_only) return std::unexpected(failed_only.error());
  if (failed_only->value_or(false)) {
    if (*names)
      return fail(Failure::invalid, "repush_job.two_ways", "name \"states\" or \"failed_only\", not both");
    return std::vector<std::int16_t>{static_cast<std::int16_t>(reconciler::ItemState::failed),
                                     static_cast<std::int16_t>(reconciler::ItemState::quarantined)};
  }
  std::vector<std::int16_t> states;
  if (!*names) return states;
  for (const auto& name : **names) {
    const auto state = state_named(name);
    if (!state) {
      return fail(Failure::invalid, "repush_job.unknown_state",
                  fmt::format("\"{}\" is no state of an item", name));
    }
    states.push_back(*state);
  }
  return states;
}

Result<Answer> post_repush_job(Call call) {
  const auto body = parse_object(call.request, {"profile", "group", "states", "failed_only", "per_minute"});
  if (!body) return std::unexpected(body.error());
  auto profile = optional_text(*body, "profile");
  if (!profile) return std::unexpected(profile.error());
  auto group = optional_text(*body, "group");
  if (!group) return std::unexpected(group.error());
  auto states = states_of(*body);
  if (!states) return std::unexpected(states.error());
  const auto pace = pace_of(*body);
  if (!pace) return std::unexpected(pace.error());
  const auto job = director::add_repush_job(
      call.db, {.profile = std::move(*profile), .group = std::move(*group), .states = std::move(*states)},
      *pace, call.actor, call.now);
  if (!job) return std::unexpected(job.error());
  director::log_change(call.db, call.actor, {.action = "repush_job.began", .detail = job_json(*job).dump()},
                       call.now);
  Answer answer = json_response(201, job_json(*job));
  answer.response.headers.set("Location", fmt::format("/v1/repush-jobs/{}", job->id));
  return answer;
}

Result<Answer> get_repush_jobs(Call call) {
  const auto page = numbered_page_of(call.request, "repush_jobs");
  if (!page) return std::unexpected(page.error());
  if (page->after > std::numeric_limits<std::int32_t>::max())
    return json_response(200, page_json(Json::array()));
  auto jobs = director::list_repush_jobs(call.db, static_cast<std::int32_t>(page->after), page->limit + 1);
  std::optional<std::string> next;
  if (jobs.size() > static_cast<std::size_t>(page->limit)) {
    jobs.pop_back();
    next = make_cursor("repush_jobs", std::to_string(jobs.back().id));
  }
  auto items = Json::array();
  for (const auto& job : jobs) items.push_back(job_json(job));
  return json_response(200, page_json(std::move(items), next));
}

Result<Answer> get_repush_job(Call call) {
  const auto text = call.request.param("id");
  const auto id = parse_number<std::int32_t>(text);
  const auto job = id ? director::find_repush_job(call.db, *id) : std::nullopt;
  if (!job) return unknown_job(text);
  return json_response(200, job_json(*job));
}

Result<Answer> delete_repush_job(Call call) {
  const auto text = call.request.param("id");
  const auto id = parse_number<std::int32_t>(text);
  if (!id || !director::stop_repush_job(call.db, *id, call.now)) return unknown_job(text);
  Answer answer;
  answer.response.status = 204;
  return answer;
}

}  // namespace

std::span<const Endpoint> repush_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/repush-jobs", Access::read, get_repush_jobs},
      Endpoint{"POST", "/v1/repush-jobs", Access::write, post_repush_job},
      Endpoint{"GET", "/v1/repush-jobs/{id}", Access::read, get_repush_job},
      Endpoint{"DELETE", "/v1/repush-jobs/{id}", Access::write, delete_repush_job},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail
