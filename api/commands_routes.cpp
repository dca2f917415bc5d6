// SPDX-License-Identifier: Apache-2.0
// /v1/commands: one-off commands of a person, relayed byte for byte.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "api/detail/command_json.hpp"
#include "api/detail/endpoint.hpp"
#include "api/detail/json.hpp"
#include "api/detail/new_command.hpp"
#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "core/queue.hpp"
#include "director/devices.hpp"

namespace mooring::api::detail {
namespace {

/// Who gets the command, and what is to be said of each name.
struct CommandTargets {
  std::vector<std::int64_t> enrollments;
  Json report = Json::array();
};

void add_targets(CommandTargets& targets, std::string_view kind,
                 const std::vector<director::ResolvedTarget>& resolved) {
  for (const auto& target : resolved) {
    std::string_view status = "queued";
    if (target.enrollments.empty()) status = "unknown";
    if (target.enrollments.size() > 1) status = "ambiguous";
    if (target.enrollments.size() == 1) targets.enrollments.push_back(target.enrollments.front());
    targets.report.push_back({{kind, target.named}, {"status", status}});
  }
}

CommandTargets resolve_targets(pg::Connection& connection, const CommandOrder& order) {
  CommandTargets targets;
  if (!order.enrollments.empty()) {
    add_targets(targets, "enrollment", director::resolve_enrollments(connection, order.enrollments));
  }
  if (!order.devices.empty()) {
    add_targets(targets, "device", director::resolve_devices(connection, order.devices));
  }
  const std::set<std::int64_t> each_once(targets.enrollments.begin(), targets.enrollments.end());
  targets.enrollments.assign(each_once.begin(), each_once.end());
  return targets;
}

std::unexpected<Error> duplicate_command(const std::string& uuid) {
  return fail(Failure::conflict, "command.duplicate_uuid",
              fmt::format("a command with the CommandUUID {} was queued before: make a new UUID", uuid));
}

Result<Answer> queue_order(Call call, const CommandOrder& order) {
  auto targets = resolve_targets(call.db, order);
  if (targets.enrollments.empty()) {
    return fail(Failure::not_found, "command.unknown_targets",
                "none of the named targets is known, or each stands for several devices: nothing was queued");
  }
  const auto payload = core::store_payload(
      call.db, {.body = order.plist, .request_type = order.request_type, .relayed = true}, call.now);
  const std::string uuid = core::encode_command_uuid(order.command_uuid);
  if (!core::store_request(call.db, uuid, payload, order.request_type, targets.enrollments, call.now)) {
    return duplicate_command(order.command_uuid);
  }
  std::vector<core::NewCommand> commands;
  for (const auto enrollment : targets.enrollments) {
    core::NewCommand command{.enrollment = enrollment, .uuid = uuid, .payload = payload};
    command.priority = order.priority;
    if (order.expires_in) command.expires_at = call.now + *order.expires_in;
    commands.push_back(std::move(command));
  }
  const auto queued = core::enqueue(call.db, commands, call.now);
  if (queued != static_cast<std::int64_t>(commands.size())) return duplicate_command(order.command_uuid);
  Answer answer = json_response(201, {{"command_uuid", order.command_uuid},
                                      {"request_type", order.request_type},
                                      {"targets", std::move(targets.report)}});
  answer.queued_type = order.request_type;
  answer.queued = commands.size();
  if (order.push) answer.push = std::move(targets.enrollments);
  return answer;
}

Result<Answer> post_command(Call call) {
  const auto order = read_order(call.request);
  if (!order) return std::unexpected(order.error());
  return pg::in_transaction(call.db, [&](pg::Connection& connection) {
    return queue_order({connection, call.request, call.now, call.secrets}, *order);
  });
}

std::unexpected<Error> unknown_command(std::string_view uuid) {
  return fail(Failure::not_found, "command.unknown",
              fmt::format("there is no command with the CommandUUID {}", uuid));
}

Result<Answer> get_command(Call call) {
  const auto with_results = query_flag(call.request, "results");
  if (!with_results) return std::unexpected(with_results.error());
  const auto uuid = call.request.param("uuid");
  const auto found = core::find_request(call.db, core::encode_command_uuid(uuid));
  if (!found) return unknown_command(uuid);
  auto targets = Json::array();
  for (const auto& target : found->targets) {
    Json json = command_json(target);
    if (with_results->value_or(false))
      json["result"] = target.result ? Json(to_base64(*target.result)) : Json();
    targets.push_back(std::move(json));
  }
  return json_response(200, {{"command_uuid", found->uuid},
                             {"request_type", found->request_type},
                             {"created_at", to_rfc3339(found->created_at)},
                             {"targets", std::move(targets)}});
}

Result<Answer> delete_command(Call call) {
  const auto uuid = call.request.param("uuid");
  const std::string encoded = core::encode_command_uuid(uuid);
  const auto found = core::find_request(call.db, encoded);
  if (!found) return unknown_command(uuid);
  std::vector<core::OpenCommandRef> open;
  for (const auto& target : found->targets) open.push_back({target.enrollment, encoded});
  return json_response(200, {{"cancelled", core::cancel(call.db, open, call.now)}});
}

Json report_json(const std::optional<std::string>& report) {
  if (!report) return {};
  const auto parsed = plist::parse(*report);
  return parsed ? json_of(*parsed) : Json();
}

Result<Answer> get_enrollment_command(Call call) {
  const auto id = call.request.param("id");
  const auto enrollment = director::find_enrollment(call.db, id);
  if (!enrollment) {
    return fail(Failure::not_found, "enrollment.unknown", fmt::format("there is no enrollment {}", id));
  }
  const auto uuid = call.request.param("uuid");
  const auto command = core::find_command(call.db, *enrollment, uuid);
  if (!command) return unknown_command(uuid);
  Json json = command_json(*command);
  json["result"] = command->result ? Json(to_base64(*command->result)) : Json();
  json["result_json"] = report_json(command->result);
  return json_response(200, json);
}

}  // namespace

Json command_json(const core::CommandRow& command) {
  return {{"command_uuid", command.uuid},
          {"enrollment", command.enrollment_id},
          {"request_type", command.request_type},
          {"status", core::name_of(command.status)},
          {"priority", command.priority},
          {"origin", command.item ? "reconciler" : "person"},
          {"created_at", to_rfc3339(command.created_at)},
          {"expires_at", json_of(command.expires_at)},
          {"answered_at", json_of(command.answered_at)},
          {"error_chain", stored_json(command.error_chain)}};
}

std::span<const Endpoint> command_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"POST", "/v1/commands", Access::slow, post_command},
      Endpoint{"GET", "/v1/commands/{uuid}", Access::read, get_command},
      Endpoint{"DELETE", "/v1/commands/{uuid}", Access::write, delete_command},
      Endpoint{"GET", "/v1/enrollments/{id}/commands/{uuid}", Access::read, get_enrollment_command},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail
