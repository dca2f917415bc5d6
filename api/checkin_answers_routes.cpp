// SPDX-License-Identifier: Apache-2.0
// /v1/token-services and /v1/return-to-service: what devices are answered when they ask for tokens, or how to
// come back after they were erased.
#include <fmt/format.h>

#include <array>

#include "api/detail/endpoint.hpp"
#include "api/detail/json.hpp"
#include "base/crypto/crypto.hpp"
#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "core/return_to_service.hpp"
#include "core/token_service.hpp"
#include "director/devices.hpp"

namespace mooring::api::detail {
namespace {

Json token_service_json(const core::TokenService& service) {
  const auto settings = stored_json(service.settings);
  const auto seconds = settings.value("valid_for_seconds", std::int64_t{0});
  Json json{{"name", service.name}, {"updated_at", to_rfc3339(service.updated_at)}};
  json["server_uuid"] = settings.contains("server_uuid") ? settings["server_uuid"] : Json();
  json["valid_for"] = seconds == 0 ? Json() : Json(fmt::format("{}s", seconds));
  return json;
}

std::optional<core::TokenService> find_token_service(pg::Connection& db, std::string_view name) {
  for (auto& service : core::list_token_services(db)) {
    if (service.name == name) return std::move(service);
  }
  return std::nullopt;
}

std::unexpected<Error> unknown_token_service(std::string_view name) {
  return fail(Failure::not_found, "token_service.unknown",
              fmt::format("there is no token service {}, or it is not set up", name));
}

Result<Answer> get_token_services(Call call) {
  auto items = Json::array();
  for (const auto& service : core::list_token_services(call.db)) items.push_back(token_service_json(service));
  return json_response(200, page_json(std::move(items)));
}

Result<Answer> get_token_service(Call call) {
  const auto name = call.request.param("name");
  const auto service = find_token_service(call.db, name);
  if (!service) return unknown_token_service(name);
  return json_response(200, token_service_json(*service));
}

Result<> put_maid(const Call& call) {
  const auto body = parse_object(call.request, {"server_uuid", "private_key"});
  if (!body) return std::unexpected(body.error());
  const auto server_uuid = required_text(*body, "server_uuid");
  if (!server_uuid) return std::unexpected(server_uuid.error());
  const auto private_key = required_text(*body, "private_key");
  if (!private_key) return std::unexpected(private_key.error());
  return core::put_maid_service(call.db, call.secrets, *server_uuid, *private_key, call.now);
}

Result<> put_watch_pairing(const Call& call) {
  const auto body = parse_object(call.request, {"valid_for"});
  if (!body) return std::unexpected(body.error());
  const auto text = optional_text(*body, "valid_for");
  if (!text) return std::unexpected(text.error());
  const auto valid_for = parse_span("valid_for", text->value_or("1h"));
  if (!valid_for) return std::unexpected(valid_for.error());
  core::put_watch_pairing_service(call.db, std::chrono::floor<std::chrono::seconds>(*valid_for), call.now);
  return {};
}

Result<Answer> put_token_service(Call call) {
  const auto name = call.request.param("name");
  if (name != core::kMaidService && name != core::kWatchPairingService) return unknown_token_service(name);
  const auto put = name == core::kMaidService ? put_maid(call) : put_watch_pairing(call);
  if (!put) return std::unexpected(put.error());
  return get_token_service(call);
}

Result<Answer> remove_token_service(Call call) {
  const auto name = call.request.param("name");
  if (!core::delete_token_service(call.db, name)) return unknown_token_service(name);
  Answer answer;
  answer.response.status = 204;
  return answer;
}

/// 0, for every device, where the path names none.
Result<std::int64_t> return_target(const Call& call) {
  const auto id = call.request.param("id");
  if (id.empty()) return 0;
  const auto device = director::find_device(call.db, id);
  if (!device) return std::unexpected(device.error());
  return device->id;
}

std::unexpected<Error> no_return_to_service() {
  return fail(Failure::not_found, "return_to_service.unknown",
              "nothing is set up for Return to Service here");
}

Result<Answer> get_return_to_service(Call call) {
  const auto device = return_target(call);
  if (!device) return std::unexpected(device.error());
  const auto view = core::find_return_to_service(call.db, *device);
  if (!view) return no_return_to_service();
  return json_response(200, {{"enabled", view->enabled},
                             {"has_wifi_profile", view->has_wifi_profile},
                             {"has_mdm_profile", view->has_mdm_profile},
                             {"bootstrap_token", view->bootstrap_token},
                             {"updated_at", to_rfc3339(view->updated_at)}});
}

/// A profile in base64.
Result<std::optional<std::string>> profile_at(const Json& body, std::string_view key) {
  const auto text = optional_text(body, key);
  if (!text) return std::unexpected(text.error());
  if (!*text) return std::nullopt;
  auto bytes = from_base64(**text);
  if (!bytes || !(crypto::looks_like_cms(*bytes) || plist::parse_dict(*bytes))) {
    return fail(Failure::invalid, "return_to_service.profile",
                fmt::format("\"{}\" has to be a configuration profile in base64", key));
  }
  return bytes;
}

Result<bool> flag_at(const Json& body, std::string_view key) {
  const auto found = body.find(key);
  if (found == body.end()) return false;
  if (found->is_boolean()) return found->get<bool>();
  return fail(Failure::invalid, "request.wrong_type", fmt::format("\"{}\" has to be true or false", key));
}

Result<Answer> put_return_to_service(Call call) {
  const auto body = parse_object(call.request, {"enabled", "wifi_profile", "mdm_profile", "bootstrap_token"});
  if (!body) return std::unexpected(body.error());
  const auto enabled = flag_at(*body, "enabled");
  if (!enabled) return std::unexpected(enabled.error());
  const auto bootstrap_token = flag_at(*body, "bootstrap_token");
  if (!bootstrap_token) return std::unexpected(bootstrap_token.error());
  auto wifi_profile = profile_at(*body, "wifi_profile");
  if (!wifi_profile) return std::unexpected(wifi_profile.error());
  auto mdm_profile = profile_at(*body, "mdm_profile");
  if (!mdm_profile) return std::unexpected(mdm_profile.error());
  const auto device = return_target(call);
  if (!device) return std::unexpected(device.error());
  core::put_return_to_service(call.db, call.secrets, *device,
                              {.enabled = *enabled,
                               .wifi_profile = std::move(*wifi_profile),
                               .mdm_profile = std::move(*mdm_profile),
                               .bootstrap_token = *bootstrap_token},
                              call.now);
  return get_return_to_service(call);
}

Result<Answer> remove_return_to_service(Call call) {
  const auto device = return_target(call);
  if (!device) return std::unexpected(device.error());
  if (!core::delete_return_to_service(call.db, *device)) return no_return_to_service();
  Answer answer;
  answer.response.status = 204;
  return answer;
}

}  // namespace

std::span<const Endpoint> checkin_answer_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/token-services", Access::read, get_token_services},
      Endpoint{"GET", "/v1/token-services/{name}", Access::read, get_token_service},
      Endpoint{"PUT", "/v1/token-services/{name}", Access::write, put_token_service},
      Endpoint{"DELETE", "/v1/token-services/{name}", Access::write, remove_token_service},
      Endpoint{"GET", "/v1/return-to-service", Access::read, get_return_to_service},
      Endpoint{"PUT", "/v1/return-to-service", Access::write, put_return_to_service},
      Endpoint{"DELETE", "/v1/return-to-service", Access::write, remove_return_to_service},
      Endpoint{"GET", "/v1/devices/{id}/return-to-service", Access::read, get_return_to_service},
      Endpoint{"PUT", "/v1/devices/{id}/return-to-service", Access::write, put_return_to_service},
      Endpoint{"DELETE", "/v1/devices/{id}/return-to-service", Access::write, remove_return_to_service},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail
