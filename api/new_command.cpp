// SPDX-License-Identifier: Apache-2.0
#include "api/detail/new_command.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/detail/json.hpp"
#include "base/crypto/crypto.hpp"
#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "core/command_builder.hpp"

namespace mooring::api::detail {
namespace {

constexpr std::int64_t kLargestPriority = 100;
constexpr std::size_t kLongestCommandUuid = 255;

Result<std::int16_t> check_priority(std::optional<std::int64_t> number) {
  if (number && *number >= -kLargestPriority && *number <= kLargestPriority) {
    return static_cast<std::int16_t>(*number);
  }
  return fail(Failure::invalid, "command.bad_priority",
              "\"priority\" has to be a whole number from -100 to 100; higher goes first");
}

Result<std::vector<std::string>> text_list(const Json& object, std::string_view key) {
  std::vector<std::string> texts;
  const auto found = object.find(key);
  if (found == object.end()) return texts;
  bool sane = found->is_array();
  for (const auto& entry : sane ? *found : Json::array()) {
    sane = sane && entry.is_string() && is_storable(entry.get_ref<const std::string&>());
    if (sane) texts.push_back(entry.get<std::string>());
  }
  if (sane) return texts;
  return fail(Failure::invalid, "request.wrong_type", fmt::format("\"{}\" has to be a list of texts", key));
}

/// Leaves `flag` where the key is absent.
Result<> read_flag(const Json& body, std::string_view key, bool& flag) {
  const auto found = body.find(key);
  if (found == body.end()) return {};
  if (!found->is_boolean()) {
    return fail(Failure::invalid, "request.wrong_type", fmt::format("\"{}\" has to be true or false", key));
  }
  flag = found->get<bool>();
  return {};
}

Result<> read_json_settings(const Json& body, CommandOrder& order) {
  if (const auto found = body.find("priority"); found != body.end()) {
    const bool huge = found->is_number_unsigned() && found->get<std::uint64_t>() > INT64_MAX;
    const bool whole = found->is_number_integer() && !huge;
    const auto priority = check_priority(whole ? std::optional(found->get<std::int64_t>()) : std::nullopt);
    if (!priority) return std::unexpected(priority.error());
    order.priority = *priority;
  }
  const auto span = optional_text(body, "expires_in");
  if (!span) return std::unexpected(span.error());
  if (*span) {
    const auto expires_in = parse_span("expires_in", **span);
    if (!expires_in) return std::unexpected(expires_in.error());
    order.expires_in = *expires_in;
  }
  if (const auto read = read_flag(body, "push", order.push); !read) return read;
  return read_flag(body, "allow_unsupported", order.allow_unsupported);
}

Result<> read_json_targets(const Json& body, CommandOrder& order) {
  auto enrollments = text_list(body, "enrollments");
  if (!enrollments) return std::unexpected(enrollments.error());
  order.enrollments = std::move(*enrollments);
  auto devices = text_list(body, "devices");
  if (!devices) return std::unexpected(devices.error());
  order.devices = std::move(*devices);
  const auto udid = optional_text(body, "udid");
  if (!udid) return std::unexpected(udid.error());
  if (*udid) order.devices.push_back(**udid);
  return {};
}

Result<> read_relayed(const Json& body, CommandOrder& order) {
  if (const auto known = check_keys(body, {"plist", "enrollments", "devices", "udid", "priority",
                                           "expires_in", "push", "allow_unsupported"});
      !known) {
    return known;
  }
  const auto encoded = required_text(body, "plist");
  if (!encoded) return std::unexpected(encoded.error());
  auto plist = from_base64(*encoded);
  if (!plist) {
    return fail(Failure::invalid, "command.bad_base64", "\"plist\" has to be the command's plist in base64");
  }
  order.body = std::move(*plist);
  return {};
}

/// What is not a setting of the order is a key of the command.
Result<> build_order(Json body, CommandOrder& order) {
  const auto uuid = optional_text(body, "command_uuid");
  if (!uuid) return std::unexpected(uuid.error());
  order.command_uuid = uuid->value_or("");
  if (order.command_uuid.empty()) order.command_uuid = crypto::Uuid::random().text();
  if (order.command_uuid.size() > kLongestCommandUuid ||
      std::ranges::any_of(order.command_uuid, [](unsigned char c) { return c < 0x20; })) {
    return fail(Failure::invalid, "command.malformed",
                "\"command_uuid\" has more than 255 bytes or a control character");
  }
  const char* type_key = body.contains("request_type") ? "request_type" : "RequestType";
  auto type = required_text(body, type_key);
  if (!type) return std::unexpected(type.error());
  order.request_type = std::move(*type);
  for (const char* own : {type_key, "command_uuid", "enrollments", "devices", "udid", "priority",
                          "expires_in", "push", "allow_unsupported"}) {
    body.erase(own);
  }
  const auto asked = plist_of(body);
  if (!asked) return std::unexpected(asked.error());
  auto command = core::build_command(order.request_type, *asked->as<plist::Dict>());
  if (!command) return std::unexpected(command.error());
  order.body = plist::to_xml_fragment(*command);
  order.command = std::move(*command);
  order.relayed = false;
  return {};
}

Result<CommandOrder> read_json_order(const http::Request& request) {
  auto body = parse_object(request);
  if (!body) return std::unexpected(body.error());
  CommandOrder order;
  if (const auto read = read_json_settings(*body, order); !read) return std::unexpected(read.error());
  if (const auto read = read_json_targets(*body, order); !read) return std::unexpected(read.error());
  if (!body->contains("plist") && !body->contains("request_type") && !body->contains("RequestType")) {
    return fail(Failure::invalid, "request.missing_key",
                "\"request_type\" with the command's keys is missing, or \"plist\" with all of it");
  }
  const auto read =
      body->contains("plist") ? read_relayed(*body, order) : build_order(std::move(*body), order);
  if (!read) return std::unexpected(read.error());
  return order;
}

Result<CommandOrder> read_raw_order(const http::Request& request) {
  CommandOrder order;
  order.body = request.body;
  auto enrollments = query_texts(request, "enrollment");
  if (!enrollments) return std::unexpected(enrollments.error());
  order.enrollments = std::move(*enrollments);
  auto devices = query_texts(request, "device");
  if (!devices) return std::unexpected(devices.error());
  order.devices = std::move(*devices);
  const auto priority_text = query_text(request, "priority");
  if (!priority_text) return std::unexpected(priority_text.error());
  if (*priority_text) {
    const auto priority = check_priority(parse_number<std::int64_t>(**priority_text));
    if (!priority) return std::unexpected(priority.error());
    order.priority = *priority;
  }
  const auto span = query_text(request, "expires_in");
  if (!span) return std::unexpected(span.error());
  if (*span) {
    const auto expires_in = parse_span("expires_in", **span);
    if (!expires_in) return std::unexpected(expires_in.error());
    order.expires_in = *expires_in;
  }
  const auto push = query_flag(request, "push");
  if (!push) return std::unexpected(push.error());
  order.push = push->value_or(true);
  return order;
}

std::unexpected<Error> no_command(std::string_view what) {
  return fail(Failure::invalid, "command.malformed", fmt::format("the command's plist {}", what));
}

bool is_json(const http::Request& request) {
  const auto type = to_lower_ascii(request.headers.get("Content-Type"));
  return type.starts_with("application/json") || trim(request.body).starts_with('{');
}

}  // namespace

Result<CommandNames> read_command_plist(std::string_view plist) {
  const auto document = plist::parse_dict(plist);
  if (!document) return std::unexpected(document.error());
  const auto* command = document->dict("Command");
  if (command == nullptr) return no_command("has no dictionary under the key Command");
  const auto* request_type = command->string("RequestType");
  if (request_type == nullptr || request_type->empty()) return no_command("has no Command.RequestType");
  const auto* uuid = document->string("CommandUUID");
  if (uuid == nullptr || uuid->empty()) {
    return no_command("has no CommandUUID: make one, it names the command from now on");
  }
  if (uuid->size() > kLongestCommandUuid || request_type->size() > kLongestCommandUuid) {
    return no_command("has a CommandUUID or RequestType of more than 255 bytes");
  }
  return CommandNames{*uuid, *request_type};
}

Result<CommandOrder> read_order(const http::Request& request) {
  const bool json = is_json(request);
  auto order = json ? read_json_order(request) : read_raw_order(request);
  if (!order) return order;
  if (order->enrollments.empty() && order->devices.empty()) {
    return fail(Failure::invalid, "command.no_target",
                json ? "name at least one target in \"enrollments\" or \"devices\""
                     : "name at least one target with ?enrollment= or ?device=");
  }
  if (!order->relayed) return order;
  auto names = read_command_plist(order->body);
  if (!names) return std::unexpected(names.error());
  order->command_uuid = std::move(names->command_uuid);
  order->request_type = std::move(names->request_type);
  return order;
}

}  // namespace mooring::api::detail
