// SPDX-License-Identifier: Apache-2.0
// /v1/plan: what a change would do to all devices. It is made, looked at, and taken back.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <ranges>

#include "api/detail/endpoint.hpp"
#include "api/detail/json.hpp"
#include "base/encoding.hpp"
#include "base/postgres/lease.hpp"
#include "director/devices.hpp"
#include "reconciler/preview.hpp"
#include "reconciler/survey.hpp"

namespace mooring::api::detail {
namespace {

constexpr std::size_t kMostChanges = 100;
constexpr std::size_t kMostExamples = 100;
constexpr std::size_t kPreviewPortion = 500;

/// A declaring endpoint, and what its pattern finds in a path.
struct DeclaringEndpoint {
  const Endpoint* endpoint = nullptr;
  std::vector<std::pair<std::string, std::string>> params;
};

std::optional<DeclaringEndpoint> match(const Endpoint& endpoint, std::string_view path) {
  DeclaringEndpoint found{.endpoint = &endpoint, .params = {}};
  auto segments = std::views::split(path, '/');
  auto segment = segments.begin();
  for (const auto part : std::views::split(std::string_view(endpoint.pattern), '/')) {
    if (segment == segments.end()) return std::nullopt;
    const std::string_view wanted(part.begin(), part.end());
    const std::string_view given((*segment).begin(), (*segment).end());
    ++segment;
    if (!wanted.starts_with('{')) {
      if (wanted != given) return std::nullopt;
      continue;
    }
    auto value = percent_decode(given, false);
    if (!value || value->empty() || !is_storable(*value)) return std::nullopt;
    found.params.emplace_back(wanted.substr(1, wanted.size() - 2), std::move(*value));
  }
  if (segment != segments.end()) return std::nullopt;
  return found;
}

std::optional<DeclaringEndpoint> find_declaring(std::string_view method, std::string_view path) {
  if (method == "GET") return std::nullopt;
  for (const auto endpoints :
       {profile_endpoints(), assignment_endpoints(), condition_endpoints(), group_endpoints()}) {
    for (const auto& endpoint : endpoints) {
      if (endpoint.method != method) continue;
      if (auto found = match(endpoint, path)) return found;
    }
  }
  return std::nullopt;
}

Result<std::string> body_of_change(const Json& change) {
  const auto base64 = optional_text(change, "body_base64");
  if (!base64) return std::unexpected(base64.error());
  if (*base64) {
    auto bytes = from_base64(**base64);
    if (bytes) return std::move(*bytes);
    return fail(Failure::invalid, "request.wrong_type", "\"body_base64\" is no base64");
  }
  const auto body = change.find("body");
  if (body == change.end() || body->is_null()) return std::string();
  return body->is_string() ? body->get<std::string>() : body->dump();
}

/// Makes the change as its own endpoint would, without asking for confirmation.
Result<> apply_change(const Call& call, const Json& change) {
  if (!change.is_object())
    return fail(Failure::invalid, "request.wrong_type", "a change is an object with \"method\" and \"path\"");
  if (const auto known = check_keys(change, {"method", "path", "body", "body_base64"}); !known) return known;
  const auto method = required_text(change, "method");
  if (!method) return std::unexpected(method.error());
  const auto target = required_text(change, "path");
  if (!target) return std::unexpected(target.error());
  auto body = body_of_change(change);
  if (!body) return std::unexpected(body.error());
  http::Request request{.method = *method, .target = *target, .headers = {}, .body = std::move(*body)};
  auto found = find_declaring(request.method, request.path());
  if (!found) {
    return fail(
        Failure::invalid, "plan.unknown_change",
        fmt::format("{} {} declares nothing that can be planned: profiles, their conditions, assignments and "
                    "groups can",
                    *method, *target));
  }
  request.params = std::move(found->params);
  const Call inside{
      .db = call.db, .request = request, .now = call.now, .secrets = call.secrets, .actor = call.actor};
  const auto answer = found->endpoint->handle(inside);
  if (!answer) return std::unexpected(answer.error());
  return {};
}

struct Tally {
  std::int64_t install = 0;
  std::int64_t replace = 0;
  std::int64_t remove = 0;
  std::int64_t waiting = 0;  ///< Would be sent, were it not for a pause, a window or its time.
};

/// What the plans of all devices that a change concerns come to.
class PlanTally {
 public:
  explicit PlanTally(std::size_t most_examples) : most_examples_(most_examples) {}

  void add(const reconciler::Plan& plan) {
    ++devices_;
    for (const auto& command : plan.commands) count(plan, command);
    for (const auto& record : plan.after) {
      if (record.state == reconciler::ItemState::waiting ||
          record.state == reconciler::ItemState::backing_off)
        ++items_[record.item].waiting;
    }
    withdrawn_ += static_cast<std::int64_t>(plan.cancels.size());
    if (examples_.size() < most_examples_) examples_.push_back(plan.row.device);
  }

  std::int64_t devices() const { return devices_; }
  std::int64_t withdrawn() const { return withdrawn_; }
  const std::vector<std::int64_t>& examples() const { return examples_; }

  Json profiles(pg::Connection& connection) const {
    std::vector<std::int32_t> items;
    for (const auto& [item, tally] : items_) items.push_back(item);
    auto json = Json::array();
    for (const auto& entry : director::names_of_items(connection, items)) {
      const auto& tally = items_.at(entry.item);
      json.push_back({{"profile", entry.name},
                      {"install", tally.install},
                      {"replace", tally.replace},
                      {"remove", tally.remove},
                      {"waiting", tally.waiting}});
    }
    return json;
  }

 private:
  void count(const reconciler::Plan& plan, const reconciler::PlannedCommand& command) {
    switch (reconciler::purpose_of(plan, command)) {
      case reconciler::Purpose::ask:
        return;
      case reconciler::Purpose::install:
        ++items_[command.item].install;
        return;
      case reconciler::Purpose::replace:
        ++items_[command.item].replace;
        return;
      case reconciler::Purpose::remove:
        ++items_[command.item].remove;
        return;
    }
  }

  std::size_t most_examples_;
  std::int64_t devices_ = 0;
  std::int64_t withdrawn_ = 0;
  std::map<std::int32_t, Tally> items_;
  std::vector<std::int64_t> examples_;
};

Result<std::size_t> examples_of(const Json& body) {
  const auto wanted = body.find("examples");
  if (wanted == body.end() || wanted->is_null()) return std::size_t{10};
  const auto number = wanted->is_number_unsigned() ? wanted->get<std::uint64_t>() : kMostExamples + 1;
  if (number <= kMostExamples) return static_cast<std::size_t>(number);
  return fail(Failure::invalid, "request.wrong_type",
              fmt::format("\"examples\" has to be a number from 0 to {}", kMostExamples));
}

void tally_changes(const Call& call, const reconciler::Survey& survey, PlanTally& tally) {
  reconciler::Declarations declarations;
  const auto context = (*call.pass_context)();
  survey.for_each_change(call.db, call.now, [&](std::span<const std::int64_t> devices) {
    for (std::size_t begin = 0; begin < devices.size(); begin += kPreviewPortion) {
      const auto portion = devices.subspan(begin, std::min(kPreviewPortion, devices.size() - begin));
      for (const auto& preview : reconciler::preview(call.db, declarations, portion, context))
        tally.add(preview.plan);
    }
  });
}

Json planned_change(const Call& call, const reconciler::Survey& survey, const PlanTally& tally) {
  const auto removals = survey.removals(call.db, call.now);
  auto examples = Json::array();
  for (auto& udid : director::udids_of(call.db, tally.examples())) examples.push_back(std::move(udid));
  return {{"devices", tally.devices()},          {"enrolled", survey.enrolled()},
          {"losing", removals.devices},          {"withdrawn_commands", tally.withdrawn()},
          {"profiles", tally.profiles(call.db)}, {"examples", std::move(examples)}};
}

Result<Answer> post_plan(Call call) {
  const auto body = parse_object(call.request, {"changes", "examples"});
  if (!body) return std::unexpected(body.error());
  const auto changes = body->find("changes");
  if (changes == body->end() || !changes->is_array() || changes->empty() || changes->size() > kMostChanges) {
    return fail(Failure::invalid, "plan.no_changes",
                fmt::format("\"changes\" has to be a list of 1 to {} changes", kMostChanges));
  }
  const auto examples = examples_of(*body);
  if (!examples) return std::unexpected(examples.error());
  if (!pg::try_lease(call.db, "plan"))
    return fail(Failure::busy, "plan.busy", "another plan for all devices is being made: try again");
  const reconciler::Survey survey(call.db, call.now);
  for (const auto& change : *changes) {
    if (const auto applied = apply_change(call, change); !applied) return std::unexpected(applied.error());
  }
  PlanTally tally(*examples);
  tally_changes(call, survey, tally);
  Answer answer = json_response(200, planned_change(call, survey, tally));
  answer.rolls_back = true;
  return answer;
}

}  // namespace

std::span<const Endpoint> change_plan_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"POST", "/v1/plan", Access::write, post_plan},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail
