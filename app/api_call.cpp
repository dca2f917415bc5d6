// SPDX-License-Identifier: Apache-2.0
#include "app/api_call.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "base/http/client.hpp"

namespace mooring::app {
namespace {

constexpr const char* kUsualApi = "http://127.0.0.1:8000";
constexpr std::chrono::seconds kApiTimeout{60};

std::string from_environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

Result<std::string> token_of(const ApiAccess& api) {
  if (api.token_file.empty()) return from_environment("MOORING_TOKEN", "");
  auto text = read_whole_file(api.token_file);
  if (text) text->resize(std::min(text->find_first_of("\r\n"), text->size()));
  return text;
}

}  // namespace

Result<std::string> read_whole_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Failure::invalid, "file.unreadable", fmt::format("cannot read {}", path));
  return std::string{std::istreambuf_iterator<char>(file), {}};
}

Result<nlohmann::json> call_api(const ApiAccess& api, http::Request request) {
  const auto token = token_of(api);
  if (!token) return std::unexpected(token.error());
  http::ClientOptions client{.timeout = kApiTimeout};
  if (!api.trust_file.empty()) {
    auto trust = read_whole_file(api.trust_file);
    if (!trust) return std::unexpected(trust.error());
    client.tls.trust = std::move(*trust);
  }
  request.headers.set("Authorization", "Bearer " + *token);
  const auto url = api.url.empty() ? from_environment("MOORING_API", kUsualApi) : api.url;
  const auto answer = http::fetch(url, std::move(request), client);
  if (!answer) return std::unexpected(answer.error());
  auto body = nlohmann::json::parse(answer->body, nullptr, false);
  const bool went_well = answer->status / 100 == 2;
  if (went_well && answer->body.empty()) return nlohmann::json();
  if (went_well) return body.is_discarded() ? nlohmann::json(answer->body) : body;
  const auto detail = body.is_object() ? body.value("detail", answer->body) : answer->body;
  return fail(Failure::invalid, "api.refused",
              fmt::format("the server answered {}: {}", answer->status, detail));
}

}  // namespace mooring::app
