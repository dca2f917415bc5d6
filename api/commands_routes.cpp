// SPDX-License-Identifier: Apache-2.0
// /v1/commands: one-off commands of a person, built here or relayed byte for byte.
#include <fmt/format.h>

#include <array>
#include <limits>

#include "api/detail/command_json.hpp"
#include "api/detail/command_targets.hpp"
#include "api/detail/endpoint.hpp"
#include "api/detail/json.hpp"
#include "api/detail/new_command.hpp"
#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "core/requests.hpp"
#include "director/devices.hpp"

namespace mooring::api::detail {
namespace {

std::unexpected<Error> duplicate_command(const std::string& uuid) {
  return fail(Failure::conflict, "command.duplicate_uuid",
              fmt::format("a command with the CommandUUID {} was queued before: make a new UUID", uuid));
}

std::unexpected<Error> nobody_to_send_to(const CommandTargets& targets) {
  if (!targets.unsupported.empty()) {
    return fail(Failure::conflict, "command.unsupported",
                fmt::format("{}: nothing was queued. Say \"allow_unsupported\": true to send it all the same",
                            targets.unsupported));
  }
  return fail(Failure::not_found, "command.unknown_targets",
              "none of the named targets is known, or each stands for several devices: nothing was queued");
}

Result<Answer> queue_order(Call call, const CommandOrder& order) {
  auto targets = resolve_targets(call.db, order);
  if (targets.enrollments.empty()) return nobody_to_send_to(targets);
  const core::NewRequest request{
      .uuid = core::encode_command_uuid(order.command_uuid),
      .body = order.body,
      .request_type = order.request_type,
      .relayed = order.relayed,
      .enrollments = std::move(targets.enrollments),
      .priority = order.priority,
      .expires_at = order.expires_in ? std::optional(call.now + *order.expires_in) : std::nullopt,
      .first_repush = call.first_repush};
  if (!core::send_request(call.db, request, call.now)) return duplicate_command(order.command_uuid);
  Answer answer = json_response(201, {{"command_uuid", order.command_uuid},
                                      {"request_type", order.request_type},
                                      {"targets", std::move(targets.report)}});
  answer.counts = {{order.request_type, "queued", static_cast<std::int64_t>(request.enrollments.size())}};
  if (order.push) answer.push = request.enrollments;
  return answer;
}

Result<Answer> post_command(Call call) {
  const auto order = read_order(call.request);
  if (!order) return std::unexpected(order.error());
  return pg::in_transaction(call.db, [&](pg::Connection&) { return queue_order(call, *order); });
}

std::unexpected<Error> unknown_command(std::string_view uuid) {
  return fail(Failure::not_found, "command.unknown",
              fmt::format("there is no command with the CommandUUID {}", uuid));
}

Json request_json(const core::CommandRequest& request) {
  auto statuses = Json::object();
  for (const auto& [status, count] : request.statuses) statuses[std::string(core::name_of(status))] = count;
  return {{"command_uuid", request.uuid},
          {"request_type", request.request_type},
          {"created_at", to_rfc3339(request.created_at)},
          {"target_count", request.targets},
          {"statuses", std::move(statuses)}};
}

Result<std::optional<core::CommandStatus>> status_filter(const http::Request& request) {
  using core::CommandStatus;
  const auto name = query_text(request, "status");
  if (!name) return std::unexpected(name.error());
  if (!*name) return std::nullopt;
  for (auto status = CommandStatus::queued; status <= CommandStatus::expired;
       status = static_cast<CommandStatus>(static_cast<int>(status) + 1)) {
    if (core::name_of(status) == **name) return status;
  }
  return fail(Failure::invalid, "request.bad_parameter",
              fmt::format("the parameter status is no status of a command: {}", **name));
}

Result<core::RequestFilter> filter_of(Call call) {
  core::RequestFilter filter;
  auto type = query_text(call.request, "request_type");
  if (!type) return std::unexpected(type.error());
  filter.request_type = std::move(*type);
  const auto status = status_filter(call.request);
  if (!status) return std::unexpected(status.error());
  filter.status = *status;
  const auto named = query_text(call.request, "device");
  if (!named) return std::unexpected(named.error());
  if (!*named) return filter;
  const auto device = director::find_device(call.db, **named);
  if (!device) return std::unexpected(device.error());
  filter.device = device->id;
  return filter;
}

Result<Answer> list_commands(Call call) {
  const auto page = numbered_page_of(call.request, "requests");
  if (!page) return std::unexpected(page.error());
  const auto filter = filter_of(call);
  if (!filter) return std::unexpected(filter.error());
  const auto before = page->after == 0 ? std::numeric_limits<std::int64_t>::max() : page->after;
  const auto found = core::list_requests(call.db, *filter, before, page->limit);
  auto items = Json::array();
  for (const auto& request : found.requests) items.push_back(request_json(request));
  std::optional<std::string> next;
  if (found.more) next = make_cursor("requests", std::to_string(found.requests.back().id));
  return json_response(200, page_json(std::move(items), next));
}

/// What a report on Settings says of single settings that failed; the command as a whole may be acknowledged.
Json setting_errors_json(const plist::Value& report) {
  auto errors = Json::array();
  const auto* dict = report.as<plist::Dict>();
  const auto* settings = dict == nullptr ? nullptr : dict->array("Settings");
  if (settings == nullptr) return errors;
  for (std::size_t number = 0; number < settings->size(); ++number) {
    const auto* setting = (*settings)[number].as<plist::Dict>();
    const auto* status = setting == nullptr ? nullptr : setting->string("Status");
    if (status == nullptr || *status == "Acknowledged") continue;
    const auto* identifier = setting->find("Identifier");
    const auto* chain = setting->find("ErrorChain");
    errors.push_back({{"setting", number},
                      {"identifier", identifier == nullptr ? Json() : json_of(*identifier)},
                      {"error_chain", chain == nullptr ? Json() : json_of(*chain)}});
  }
  return errors;
}

Json with_result(const core::CommandRow& command) {
  Json json = command_json(command);
  json["result"] = command.result ? Json(to_base64(*command.result)) : Json();
  const auto report = command.result ? plist::parse(*command.result)
                                     : fail(Failure::not_found, "command.unanswered", "there is no report");
  json["result_json"] = report ? json_of(*report) : Json();
  json["setting_errors"] = report ? setting_errors_json(*report) : Json::array();
  return json;
}

Result<Answer> get_command(Call call) {
  const auto with_results = query_flag(call.request, "results");
  if (!with_results) return std::unexpected(with_results.error());
  const auto page = numbered_page_of(call.request, "targets");
  if (!page) return std::unexpected(page.error());
  const auto uuid = call.request.param("uuid");
  const std::string encoded = core::encode_command_uuid(uuid);
  const auto found = core::find_request(call.db, encoded);
  if (!found) return unknown_command(uuid);
  const auto slice = core::targets_of_request(call.db, encoded, page->after, page->limit);
  auto targets = Json::array();
  for (const auto& target : slice.targets) {
    targets.push_back(with_results->value_or(false) ? with_result(target) : command_json(target));
  }
  std::optional<std::string> next;
  if (slice.next) next = make_cursor("targets", std::to_string(*slice.next));
  Json json = request_json(*found);
  json["targets"] = std::move(targets);
  json["next_cursor"] = json_of(next);
  return json_response(200, json);
}

Result<Answer> delete_command(Call call) {
  const auto uuid = call.request.param("uuid");
  const std::string encoded = core::encode_command_uuid(uuid);
  if (!core::find_request(call.db, encoded)) return unknown_command(uuid);
  return cancelled_answer(core::cancel_request(call.db, encoded, call.now));
}

/// A command at one enrollment, as the path names both.
struct CommandAt {
  std::int64_t enrollment = 0;
  core::CommandRow command;
};
Result<CommandAt> find_at_enrollment(Call call) {
  const auto id = call.request.param("id");
  const auto enrollment = director::find_enrollment(call.db, id);
  if (!enrollment) {
    return fail(Failure::not_found, "enrollment.unknown", fmt::format("there is no enrollment {}", id));
  }
  const auto uuid = call.request.param("uuid");
  auto command = core::find_command(call.db, *enrollment, uuid);
  if (!command) return unknown_command(uuid);
  return CommandAt{*enrollment, std::move(*command)};
}

Result<Answer> get_enrollment_command(Call call) {
  const auto found = find_at_enrollment(call);
  if (!found) return std::unexpected(found.error());
  return json_response(200, with_result(found->command));
}

Result<Answer> delete_enrollment_command(Call call) {
  const auto found = find_at_enrollment(call);
  if (!found) return std::unexpected(found.error());
  if (found->command.item) {
    return fail(Failure::conflict, "command.of_reconciler",
                "the reconciler sent this command and would send it again: change what is declared instead");
  }
  const core::OpenCommandRef command{found->enrollment, core::encode_command_uuid(found->command.uuid)};
  return cancelled_answer(core::cancel(call.db, {&command, 1}, call.now));
}

}  // namespace

Answer cancelled_answer(const core::Cancelled& cancelled) {
  Answer answer = json_response(200, {{"cancelled", cancelled.total}});
  for (const auto& [type, count] : cancelled.by_type) answer.counts.push_back({type, "cancelled", count});
  return answer;
}

Json command_json(const core::CommandRow& command) {
  return {{"command_uuid", command.uuid},
          {"enrollment", command.enrollment_id},
          {"request_type", command.request_type},
          {"status", core::name_of(command.status)},
          {"priority", command.priority ? Json(*command.priority) : Json()},
          {"origin", command.item ? "reconciler" : "person"},
          {"created_at", to_rfc3339(command.created_at)},
          {"expires_at", json_of(command.expires_at)},
          {"answered_at", json_of(command.answered_at)},
          {"error_chain", stored_json(command.error_chain)}};
}

std::span<const Endpoint> command_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"POST", "/v1/commands", Access::slow, post_command},
      Endpoint{"GET", "/v1/commands", Access::read, list_commands},
      Endpoint{"GET", "/v1/commands/{uuid}", Access::read, get_command},
      Endpoint{"DELETE", "/v1/commands/{uuid}", Access::write, delete_command},
      Endpoint{"GET", "/v1/enrollments/{id}/commands/{uuid}", Access::read, get_enrollment_command},
      Endpoint{"DELETE", "/v1/enrollments/{id}/commands/{uuid}", Access::write, delete_enrollment_command},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail
