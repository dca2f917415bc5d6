// SPDX-License-Identifier: Apache-2.0
// /v1/devices/{id}/declarations: what a channel holds for declarative management, and what it said of it.
#include <array>
#include <map>

#include "api/detail/channel.hpp"
#include "api/detail/endpoint.hpp"
#include "api/detail/json.hpp"
#include "core/ddm/declaration_store.hpp"

namespace mooring::api::detail {
namespace {

constexpr std::size_t kMostDeclarations = 1000;

using core::ddm::Declaration;

Json held_json(const NamedChannel& channel, const std::optional<core::ddm::HeldDeclarations>& held) {
  auto documents = Json::array();
  if (held) {
    for (const auto& declaration : held->declarations) documents.push_back(stored_json(declaration.document));
  }
  Json json{{"enrollment", channel.enrollment_id}};
  json["declarations_token"] = held ? Json(held->token) : Json();
  json["changed_at"] = json_of(held ? std::optional(held->changed_at) : std::nullopt);
  json["synced_at"] = json_of(held ? held->synced_at : std::nullopt);
  json["declarations"] = std::move(documents);
  return json;
}

Result<std::vector<Declaration>> read_declarations(const http::Request& request) {
  if (!core::ddm::is_shallow(request.body)) {
    return fail(Failure::invalid, "declaration.malformed", "the body nests too deeply");
  }
  const auto body = parse_object(request, {"declarations"});
  if (!body) return std::unexpected(body.error());
  const auto list = body->find("declarations");
  if (list == body->end() || !list->is_array() || list->size() > kMostDeclarations) {
    return fail(Failure::invalid, "request.wrong_type",
                "\"declarations\" has to be a list of at most 1000 declarations");
  }
  std::vector<Declaration> declarations;
  for (const auto& entry : *list) {
    auto declaration = core::ddm::read_declaration(entry.dump());
    if (!declaration) return std::unexpected(declaration.error());
    declarations.push_back(std::move(*declaration));
  }
  return declarations;
}

Result<Answer> put_declarations(Call call) {
  const auto declarations = read_declarations(call.request);
  if (!declarations) return std::unexpected(declarations.error());
  const auto channel = channel_of(call);
  if (!channel) return std::unexpected(channel.error());
  const auto before = core::ddm::declarations_of(call.db, channel->id);
  const auto set = core::ddm::store_declaration_set(call.db, *declarations, call.now);
  if (!set) return std::unexpected(set.error());
  const auto told = core::ddm::set_declarations(call.db, std::array{channel->id}, *set, call.now);
  const auto held = core::ddm::declarations_of(call.db, channel->id);
  const bool changed = held && (!before || before->token != held->token);
  Json json{{"changed", changed}};
  json.update(held_json(*channel, held));
  Answer answer = json_response(200, json);
  answer.push = told;
  answer.counts.push_back({.request_type = "DeclarativeManagement",
                           .status = "queued",
                           .count = static_cast<std::int64_t>(told.size())});
  return answer;
}

Result<Answer> get_declarations(Call call) {
  const auto channel = channel_of(call);
  if (!channel) return std::unexpected(channel.error());
  return json_response(200, held_json(*channel, core::ddm::declarations_of(call.db, channel->id)));
}

/// By kind and identifier, what the device last said.
std::map<std::pair<std::string, std::string>, Json> reported_states(const std::optional<std::string>& json) {
  std::map<std::pair<std::string, std::string>, Json> states;
  const Json lists = stored_json(json);
  for (const auto& [key, kind] : {std::pair{"activations", "activation"},
                                  {"configurations", "configuration"},
                                  {"assets", "asset"},
                                  {"management", "management"}}) {
    const auto list = lists.is_object() ? lists.find(key) : lists.end();
    if (list == lists.end() || !list->is_array()) continue;
    for (const auto& entry : *list) {
      if (!entry.is_object()) continue;
      const auto identifier = entry.find("identifier");
      if (identifier != entry.end() && identifier->is_string()) states[{kind, *identifier}] = entry;
    }
  }
  return states;
}

Json member_or_null(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_string() ? *found : Json();
}

Json state_json(const std::string& kind, const std::string& identifier, const Json& token, const Json& said) {
  const auto active = said.is_object() ? said.find("active") : said.end();
  const auto reasons = said.is_object() ? said.find("reasons") : said.end();
  const Json said_token = member_or_null(said, "server-token");
  return {{"kind", kind},
          {"identifier", identifier},
          {"server_token", token},
          {"reported_token", said_token},
          {"current", !token.is_null() && token == said_token},
          {"active", active != said.end() && active->is_boolean() ? *active : Json()},
          {"valid", member_or_null(said, "valid")},
          {"reasons", reasons != said.end() && reasons->is_array() ? *reasons : Json::array()}};
}

Json states_json(const std::optional<core::ddm::HeldDeclarations>& held,
                 const std::optional<core::ddm::DeclarationStatus>& status) {
  auto states = reported_states(status ? status->declarations : std::nullopt);
  auto json = Json::array();
  if (held) {
    for (const auto& declaration : held->declarations) {
      const std::string kind(core::ddm::name_of(declaration.kind));
      const auto said = states.extract({kind, declaration.identifier});
      json.push_back(state_json(kind, declaration.identifier, declaration.server_token,
                                said.empty() ? Json() : said.mapped()));
    }
  }
  for (const auto& [name, said] : states) json.push_back(state_json(name.first, name.second, {}, said));
  return json;
}

Result<Answer> get_declaration_status(Call call) {
  const auto channel = channel_of(call);
  if (!channel) return std::unexpected(channel.error());
  const auto status = core::ddm::declaration_status_of(call.db, channel->id);
  Json json{{"enrollment", channel->enrollment_id}};
  json["reported_at"] = json_of(status ? std::optional(status->reported_at) : std::nullopt);
  json["declarations_at"] = json_of(status ? status->declarations_at : std::nullopt);
  json["declarations"] = states_json(core::ddm::declarations_of(call.db, channel->id), status);
  json["report"] = status ? stored_json(status->report) : Json();
  json["full_at"] = json_of(status ? status->full_at : std::nullopt);
  json["full_report"] = stored_json(status ? status->full_report : std::nullopt);
  return json_response(200, json);
}

}  // namespace

std::span<const Endpoint> declaration_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/devices/{id}/declarations", Access::read, get_declarations},
      Endpoint{"PUT", "/v1/devices/{id}/declarations", Access::write, put_declarations},
      Endpoint{"GET", "/v1/devices/{id}/declaration-status", Access::read, get_declaration_status},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail
