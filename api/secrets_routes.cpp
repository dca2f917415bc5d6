// SPDX-License-Identifier: Apache-2.0
// /v1/secrets: values that profiles name and nobody reads back.
#include <array>

#include "api/detail/endpoint.hpp"
#include "api/detail/json.hpp"
#include "director/secrets.hpp"

namespace mooring::api::detail {
namespace {

Json secret_json(const director::Secret& secret) {
  return {{"name", secret.name},
          {"revision", secret.revision},
          {"updated_at", to_rfc3339(secret.updated_at)},
          {"updated_by", secret.updated_by},
          {"profiles", secret.profiles}};
}

Result<Answer> put_one_secret(Call call) {
  const auto body = parse_object(call.request, {"value"});
  if (!body) return std::unexpected(body.error());
  const auto value = required_text(*body, "value");
  if (!value) return std::unexpected(value.error());
  const auto name = call.request.param("name");
  const auto put = director::put_secret(call.db, call.secrets, name, *value, call.actor, call.now);
  if (!put) return std::unexpected(put.error());
  Json json{{"changed", put->changed}};
  json.update(secret_json(put->secret));
  Answer answer = json_response(put->created ? 201 : 200, json);
  answer.response.headers.set("Location", "/v1/secrets/" + put->secret.name);
  answer.ring = put->changed;
  return answer;
}

Result<Answer> get_secrets(Call call) {
  const auto page = page_of(call.request, "secrets");
  if (!page) return std::unexpected(page.error());
  auto secrets = director::list_secrets(call.db, page->after, page->limit + 1);
  std::optional<std::string> next;
  if (secrets.size() > static_cast<std::size_t>(page->limit)) {
    secrets.pop_back();
    next = make_cursor("secrets", secrets.back().name);
  }
  auto items = Json::array();
  for (const auto& secret : secrets) items.push_back(secret_json(secret));
  return json_response(200, page_json(std::move(items), next));
}

Result<Answer> get_one_secret(Call call) {
  const auto name = call.request.param("name");
  const auto secret = director::find_secret(call.db, name);
  if (!secret)
    return fail(Failure::not_found, "secret.unknown", "there is no secret named " + std::string(name));
  return json_response(200, secret_json(*secret));
}

Result<Answer> delete_one_secret(Call call) {
  if (const auto deleted = director::delete_secret(call.db, call.request.param("name"), call.now); !deleted)
    return std::unexpected(deleted.error());
  Answer answer;
  answer.response.status = 204;
  return answer;
}

}  // namespace

std::span<const Endpoint> secret_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/secrets", Access::read, get_secrets},
      Endpoint{"GET", "/v1/secrets/{name}", Access::read, get_one_secret},
      Endpoint{"PUT", "/v1/secrets/{name}", Access::write, put_one_secret},
      Endpoint{"DELETE", "/v1/secrets/{name}", Access::write, delete_one_secret},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail
