// SPDX-License-Identifier: Apache-2.0
#include "api/detail/new_command.hpp"

#include <fmt/format.h>

#include "api/detail/json.hpp"
#include "base/encoding.hpp"
#include "base/plist/plist.hpp"

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

Result<> read_json_settings(const Json& body, CommandOrder& order) {
  if (const auto found = body.find("priority"); found != body.end()) {
    const bool whole = found->is_number_integer();
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
  if (const auto found = body.find("push"); found != body.end()) {
    if (!found->is_boolean()) {
      return fail(Failure::invalid, "request.wrong_type", "\"push\" has to be true or false");
    }
    order.push = found->get<bool>();
  }
  return {};
}

Result<CommandOrder> read_json_order(const http::Request& request) {
  const auto body =
      parse_object(request, {"enrollments", "devices", "plist", "priority", "expires_in", "push"});
  if (!body) return std::unexpected(body.error());
  const auto encoded = required_text(*body, "plist");
  if (!encoded) return std::unexpected(encoded.error());
  auto plist = from_base64(*encoded);
  if (!plist) {
    return fail(Failure::invalid, "command.bad_base64", "\"plist\" has to be the command's plist in base64");
  }
  auto enrollments = text_list(*body, "enrollments");
  if (!enrollments) return std::unexpected(enrollments.error());
  auto devices = text_list(*body, "devices");
  if (!devices) return std::unexpected(devices.error());
  CommandOrder order;
  order.plist = std::move(*plist);
  order.enrollments = std::move(*enrollments);
  order.devices = std::move(*devices);
  if (const auto read = read_json_settings(*body, order); !read) return std::unexpected(read.error());
  return order;
}

Result<CommandOrder> read_raw_order(const http::Request& request) {
  CommandOrder order;
  order.plist = request.body;
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

/// Reads what the queue has to know; the bytes stay as they are.
Result<> read_command_plist(CommandOrder& order) {
  const auto document = plist::parse_dict(order.plist);
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
  order.request_type = *request_type;
  order.command_uuid = *uuid;
  return {};
}

}  // namespace

Result<CommandOrder> read_order(const http::Request& request) {
  const auto type = to_lower_ascii(request.headers.get("Content-Type"));
  const bool is_json = type.starts_with("application/json");
  auto order = is_json ? read_json_order(request) : read_raw_order(request);
  if (!order) return order;
  if (order->enrollments.empty() && order->devices.empty()) {
    return fail(Failure::invalid, "command.no_target",
                is_json ? "name at least one target in \"enrollments\" or \"devices\""
                        : "name at least one target with ?enrollment= or ?device=");
  }
  if (const auto read = read_command_plist(*order); !read) return std::unexpected(read.error());
  return order;
}

}  // namespace mooring::api::detail
