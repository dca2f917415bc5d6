// SPDX-License-Identifier: Apache-2.0
// openapi.yaml and the routes say the same.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "api/api.hpp"
#include "api/compat/nanomdm/nanomdm.hpp"
#include "api/openapi.hpp"

namespace mooring::api::openapi_test {
namespace {

using Operations = std::set<std::pair<std::string, std::string>>;  // method, path

const nlohmann::json& document() {
  static const nlohmann::json kDocument = nlohmann::json::parse(openapi_json());
  return kDocument;
}

Operations served() {
  Logger log(LogLevel::off, LogFormat::logfmt);
  Metrics metrics;
  SystemClock clock;
  boost::asio::io_context io;
  pg::Pool pool({.connect = {.conninfo = "host=/nowhere"}, .connections = 1}, log, metrics);
  const crypto::SecretBox secrets(crypto::SecretBox::Key{});
  core::Pusher pusher(io.get_executor(), {}, pool, secrets, clock, log, metrics);
  const core::EventInterest interest(secrets);
  Api api({.pool = pool,
           .pusher = pusher,
           .secrets = secrets,
           .interest = interest,
           .clock = clock,
           .log = log,
           .metrics = metrics,
           .ring = [] {},
           .consumers_changed = [] {},
           .ready = [] { return true; },
           .version = "0"});
  Operations operations;
  nanomdm::NanoMdm nano({.executor = io.get_executor(),
                         .pool = pool,
                         .pusher = pusher,
                         .secrets = secrets,
                         .clock = clock,
                         .log = log,
                         .metrics = metrics,
                         .checkin = {},
                         .ring = [] {},
                         .version = "0",
                         .escrow_key_unlock_url = ""});
  for (const auto& routes : {api.routes(), nano.routes()}) {
    for (auto route : routes) {
      // OpenAPI has no name for "the rest of the path".
      if (const auto dots = route.pattern.find("..."); dots != std::string::npos)
        route.pattern.erase(dots, 3);
      operations.emplace(route.method, route.pattern);
    }
  }
  return operations;
}

bool is_method(const std::string& key) {
  return key == "get" || key == "put" || key == "post" || key == "delete" || key == "patch";
}

std::string upper_case(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(c));
  return text;
}

Operations described() {
  Operations operations;
  for (const auto& [path, item] : document()["paths"].items()) {
    for (const auto& [key, operation] : item.items()) {
      if (is_method(key)) operations.emplace(upper_case(key), path);
    }
  }
  return operations;
}

TEST(OpenApi, DescribesEveryRouteAndNoOther) {
  const auto routes = served();
  const auto described_routes = described();
  EXPECT_GT(routes.size(), 25U);
  for (const auto& [method, path] : routes) {
    EXPECT_TRUE(described_routes.contains({method, path})) << "not described: " << method << " " << path;
  }
  for (const auto& [method, path] : described_routes) {
    EXPECT_TRUE(routes.contains({method, path})) << "not served: " << method << " " << path;
  }
}

void find_references(const nlohmann::json& node, std::set<std::string>& references) {
  if (node.is_object() && node.contains("$ref")) references.insert(node["$ref"].get<std::string>());
  if (node.is_structured()) {
    for (const auto& child : node) find_references(child, references);
  }
}

TEST(OpenApi, EveryReferenceLeadsSomewhere) {
  std::set<std::string> references;
  find_references(document(), references);
  EXPECT_GT(references.size(), 20U);
  for (const auto& reference : references) {
    ASSERT_TRUE(reference.starts_with("#/")) << reference;
    EXPECT_TRUE(document().contains(nlohmann::json::json_pointer(reference.substr(1)))) << reference;
  }
}

TEST(OpenApi, PathParametersAreThoseOfThePath) {
  for (const auto& [path, item] : document()["paths"].items()) {
    std::set<std::string> named;
    for (auto parameter : item.value("parameters", nlohmann::json::array())) {
      if (parameter.contains("$ref")) {
        parameter = document()[nlohmann::json::json_pointer(parameter["$ref"].get<std::string>().substr(1))];
      }
      if (parameter["in"] == "path") named.insert("{" + parameter["name"].get<std::string>() + "}");
    }
    for (const auto& name : named) EXPECT_NE(path.find(name), std::string::npos) << path << " " << name;
    EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(path, '{')), named.size()) << path;
  }
}

TEST(OpenApi, OnlyTheServersOwnPagesNeedNoToken) {
  for (const auto& [path, item] : document()["paths"].items()) {
    for (const auto& [method, operation] : item.items()) {
      if (!is_method(method)) continue;
      const bool is_open = operation.contains("security") && operation["security"].empty();
      const bool may_be_open = (!path.starts_with("/v1/") && !path.starts_with("/nanomdm/")) ||
                               path == "/v1/openapi.json" || path == "/nanomdm/version";
      EXPECT_EQ(is_open, may_be_open) << method << " " << path;
    }
  }
}

TEST(OpenApi, KeepsTheTypesOfItsScalars) {
  const auto& limit = document()["components"]["parameters"]["Limit"]["schema"];
  EXPECT_EQ(limit["maximum"], 1000);
  EXPECT_EQ(document()["info"]["version"], "1");
  EXPECT_EQ(document()["components"]["schemas"]["NewCommand"]["additionalProperties"], false);
}

}  // namespace
}  // namespace mooring::api::openapi_test
