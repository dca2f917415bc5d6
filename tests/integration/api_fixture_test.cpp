// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/api_fixture.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "api/auth.hpp"
#include "api/openapi.hpp"

namespace mooring::api_test {
namespace {

const Json& contract() {
  static const Json kContract = Json::parse(api::openapi_json());
  return kContract;
}

Json follow(const Json& node) {
  const auto reference = node.find("$ref");
  if (reference == node.end()) return node;
  return follow(contract().at(Json::json_pointer(reference->get<std::string>().substr(1))));
}

using Problems = std::vector<std::string>;

bool has_type(const Json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  return type == "boolean" && value.is_boolean();
}

/// Gathers required keys and properties over allOf.
void gather(const Json& schema, std::set<std::string>& required, std::map<std::string, Json>& properties) {
  const auto& at = follow(schema);
  for (const auto& part : at.value("allOf", Json::array())) gather(part, required, properties);
  for (const auto& key : at.value("required", Json::array())) required.insert(key.get<std::string>());
  for (const auto& [key, property] : at.value("properties", Json::object()).items())
    properties[key] = property;
}

void check(const Json& schema, const Json& value, const std::string& path, Problems& problems);

void check_object(const Json& schema, const Json& value, const std::string& path, Problems& problems) {
  std::set<std::string> required;
  std::map<std::string, Json> properties;
  gather(schema, required, properties);
  for (const auto& key : required) {
    if (!value.contains(key)) problems.push_back(path + "." + key + " is missing");
  }
  if (properties.empty()) return;  // free form
  for (const auto& [key, member] : value.items()) {
    const auto property = properties.find(key);
    if (property == properties.end()) {
      problems.push_back(path + "." + key + " is not described");
    } else {
      check(property->second, member, path + "." + key, problems);
    }
  }
}

void check_one_of(const Json& choices, const Json& value, const std::string& path, Problems& problems) {
  Problems last;
  for (const auto& choice : choices) {
    last.clear();
    check(choice, value, path, last);
    if (last.empty()) return;
  }
  problems.insert(problems.end(), last.begin(), last.end());
}

void check(const Json& schema, const Json& value, const std::string& path, Problems& problems) {
  const auto& at = follow(schema);
  if (at.contains("oneOf")) return check_one_of(at["oneOf"], value, path, problems);
  if (value.is_null()) {
    if (!at.value("nullable", false)) problems.push_back(path + " is null");
    return;
  }
  const auto type = at.value("type", std::string("object"));
  if (!has_type(value, type)) {
    problems.push_back(path + " is no " + type);
    return;
  }
  if (at.contains("enum") && std::ranges::find(at["enum"], value) == at["enum"].end()) {
    problems.push_back(path + " is not in its enum: " + value.dump());
  }
  if (type == "object") check_object(at, value, path, problems);
  if (type != "array") return;
  for (std::size_t i = 0; i < value.size(); ++i) {
    check(at["items"], value[i], path + "[" + std::to_string(i) + "]", problems);
  }
}

std::vector<std::string> segments(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto end = path.find('/');
    parts.emplace_back(path.substr(0, end));
    path = end == std::string_view::npos ? std::string_view{} : path.substr(end);
  }
  return parts;
}

/// The description of the path, found as the router finds it.
const Json* find_path(const std::string& path) {
  const auto parts = segments(path);
  for (const auto& [pattern, item] : contract()["paths"].items()) {
    const auto wanted = segments(pattern);
    bool same = wanted.size() == parts.size();
    for (std::size_t i = 0; same && i < parts.size(); ++i)
      same = wanted[i] == parts[i] || wanted[i].starts_with("{");
    if (same) return &item;
  }
  return nullptr;
}

std::string lower_case(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(c));
  return text;
}

Task<http::Response> accept_push(std::atomic<int>* pushed) {
  http::Response response;
  response.headers.set("apns-id", "push-" + std::to_string(++*pushed));
  co_return response;
}

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().code + ": " + result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

TEST(ApiContract, SeesWhatAnAnswerDoesNotKeep) {
  const auto violations = [](const std::string& body, int status = 200) {
    return contract_violations("GET", "/v1/summary", http::Response::text(status, body, "application/json"));
  };
  const std::string devices = R"("devices":{"known":1,"enrolled":1})";
  const std::string queue = R"("queue":{"queued":0,"not_now":0})";
  const std::string profiles = R"("profiles":{"declared":0,"desired":0,"verified":0,"drifted":0,"failed":0})";
  EXPECT_TRUE(violations("{" + devices + "," + queue + "," + profiles + "}").empty());
  EXPECT_EQ(violations("{" + devices + "," + queue + "}"), Problems{"answer.profiles is missing"});
  EXPECT_EQ(violations("{" + devices + "," + queue + "," + profiles + R"(,"more":1})"),
            Problems{"answer.more is not described"});
  EXPECT_EQ(violations(R"({"devices":{"known":"1","enrolled":1},)" + queue + "," + profiles + "}"),
            Problems{"answer.devices.known is no integer"});
  EXPECT_EQ(violations("{" + devices + R"(,"queue":null,)" + profiles + "}"),
            Problems{"answer.queue is null"});
  EXPECT_EQ(violations("{}", 204), Problems{"status 204 is not described"});
}

}  // namespace

std::vector<std::string> contract_violations(const std::string& method, const std::string& path,
                                             const http::Response& answer) {
  const auto* item = find_path(path);
  if (item == nullptr || !item->contains(lower_case(method))) return {};  // a test of what is not served
  const auto& answers = (*item)[lower_case(method)]["responses"];
  const auto status = std::to_string(answer.status);
  if (!answers.contains(status) && (answer.status < 400 || !answers.contains("default"))) {
    return {"status " + status + " is not described"};
  }
  const auto& described = follow(answers.contains(status) ? answers[status] : answers["default"]);
  if (!described.contains("content"))
    return answer.body.empty() ? Problems{} : Problems{"a body is not described"};
  const std::string type(
      answer.headers.get("Content-Type").substr(0, answer.headers.get("Content-Type").find(';')));
  if (!described["content"].contains(type)) return {"content type " + type + " is not described"};
  Problems problems;
  if (type.ends_with("json")) {
    check(described["content"][type]["schema"], Json::parse(answer.body), "answer", problems);
  }
  return problems;
}

ApiFixture::ApiFixture(bool with_push, const EscrowPlace& escrow)
    : pool_({.connect = world.db.connect_options(), .connections = 2}, world.db.log, world.db.metrics),
      checkins_(world.db.connect_options(true), pool_, world.secrets(), world.interest(), world.clock,
                world.db.log, world.db.metrics) {
  token = must(api::ensure_first_token(world.db.connection(), world.clock.now())).value();
  core::PushOptions push;
  if (with_push) {
    const http::Handler accept = [this](const http::Request&) { return accept_push(&pushed); };
    push_service_ = std::make_unique<http2::Server>(io_.get_executor(), http2::ServerOptions{}, accept);
    must(push_service_->start());
    push.url = push_service_->url();
  }
  pusher_ = std::make_unique<core::Pusher>(io_.get_executor(), push, pool_, world.secrets(), world.clock,
                                           world.db.log, world.db.metrics);
  api_ = std::make_unique<api::Api>(
      api::ApiDependencies{.pool = pool_,
                           .pusher = *pusher_,
                           .secrets = world.secrets(),
                           .interest = world.interest(),
                           .clock = world.clock,
                           .log = world.db.log,
                           .metrics = world.db.metrics,
                           .ring = [this] { ++rings; },
                           .consumers_changed = [this] { ++consumer_changes; },
                           .ready = [this] { return ready.load(); },
                           .version = "0.1.0-test",
                           .enrollment = &enrollment_,
                           .pass_context = [this] { return world.pass_context(); }});
  nanomdm_ = std::make_unique<api::nanomdm::NanoMdm>(api::nanomdm::NanoMdmDependencies{
      .executor = io_.get_executor(),
      .pool = pool_,
      .pusher = *pusher_,
      .secrets = world.secrets(),
      .clock = world.clock,
      .log = world.db.log,
      .metrics = world.db.metrics,
      .checkin =
          [this](core::Checkin checkin, plist::Dict message, core::MessageContext context) {
            return checkins_.handle(std::move(checkin), std::move(message), std::move(context));
          },
      .ring = [this] { ++rings; },
      .version = "0.1.0-test",
      .escrow_key_unlock_url = escrow.url,
      .escrow_trust = escrow.trust});
  auto routes = api_->routes();
  std::ranges::move(nanomdm_->routes(), std::back_inserter(routes));
  mdmdirector_ = std::make_unique<api::mdmdirector::MdmDirector>(
      api::mdmdirector::MdmDirectorDependencies{.pool = pool_, .clock = world.clock, .log = world.db.log});
  std::ranges::move(mdmdirector_->routes(), std::back_inserter(routes));
  server_ = std::make_unique<http::Server>(io_.get_executor(), http::ServerOptions{.name = "api"},
                                           std::move(routes), world.db.log, world.db.metrics);
  must(server_->start());
  thread_ = std::thread([this] { io_.run(); });
}

ApiFixture::~ApiFixture() {
  const auto drain = [this](auto& server) {
    if (server == nullptr) return;
    boost::asio::co_spawn(io_, server->drain(std::chrono::milliseconds(0)), boost::asio::use_future).wait();
  };
  drain(server_);
  drain(push_service_);
  io_.stop();
  thread_.join();
}

http::Request ApiFixture::make(const std::string& method, const std::string& target, std::string body) const {
  http::Request request;
  request.method = method;
  request.target = target;
  request.body = std::move(body);
  request.headers.set("Authorization", "Bearer " + token);
  return request;
}

Answer ApiFixture::send(http::Request request) {
  const std::string method = request.method;
  const std::string path(request.path());
  Answer answer;
  answer.response = must(http::fetch(server_->url(), std::move(request)));
  answer.status = answer.response.status;
  if (answer.response.headers.get("Content-Type").find("json") != std::string_view::npos) {
    answer.body = Json::parse(answer.response.body);
  }
  for (const auto& problem : contract_violations(method, path, answer.response)) {
    ADD_FAILURE() << method << " " << path << ": " << problem << "\n" << answer.response.body;
  }
  return answer;
}

Answer ApiFixture::post(const std::string& target, const Json& body) {
  auto request = make("POST", target, body.is_null() ? std::string() : body.dump());
  if (!body.is_null()) request.headers.set("Content-Type", "application/json");
  return send(std::move(request));
}

Answer ApiFixture::put(const std::string& target, const std::string& body) {
  return send(make("PUT", target, body));
}

}  // namespace mooring::api_test
