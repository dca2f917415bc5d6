// SPDX-License-Identifier: Apache-2.0
#include "app/demo_client.hpp"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "base/http/client.hpp"

namespace mooring::app {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::seconds kTimeout{10};

std::unexpected<Error> unexpected_answer(const http::Request& request, const http::Response& response) {
  return fail(Failure::internal, "demo.api",
              fmt::format("{} {} was answered with {}: {}", request.method, request.target, response.status,
                          response.body.substr(0, 300)));
}

Result<http::Response> ask(const DemoClient& client, http::Request request) {
  request.headers.set("Authorization", "Bearer " + client.token());
  auto response = http::fetch(client.url(), request, kTimeout);
  if (!response) return std::unexpected(response.error());
  if (response->status >= 500) {
    return fail(Failure::unavailable, "demo.api_busy", unexpected_answer(request, *response).error().message);
  }
  if (response->status >= 400) return unexpected_answer(request, *response);
  return response;
}

template <class T>
Result<T> member_of(const Result<http::Response>& response, const char* key) {
  if (!response) return std::unexpected(response.error());
  const auto json = Json::parse(response->body, nullptr, false);
  if (!json.is_object() || !json.contains(key)) {
    return fail(Failure::internal, "demo.api", fmt::format("an answer has no {}: {}", key, response->body));
  }
  return json[key].get<T>();
}

/// One line `name{key="value",...} number` of Prometheus' text format.
struct Sample {
  std::string_view name;
  std::map<std::string, std::string, std::less<>> labels;
  double value = 0;

  std::string label(std::string_view key) const {
    const auto found = labels.find(key);
    return found == labels.end() ? std::string() : found->second;
  }
};

std::optional<std::string> read_quoted(std::string_view& text) {
  if (!text.starts_with('"')) return std::nullopt;
  text.remove_prefix(1);
  std::string value;
  while (!text.empty() && text.front() != '"') {
    if (text.front() == '\\' && text.size() > 1) text.remove_prefix(1);
    value += text.front();
    text.remove_prefix(1);
  }
  if (text.empty()) return std::nullopt;
  text.remove_prefix(1);
  return value;
}

bool read_labels(std::string_view& line, Sample& sample) {
  line.remove_prefix(1);
  while (!line.empty() && line.front() != '}') {
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return false;
    const std::string key(line.substr(0, equals));
    line.remove_prefix(equals + 1);
    auto value = read_quoted(line);
    if (!value) return false;
    sample.labels[key] = std::move(*value);
    if (line.starts_with(',')) line.remove_prefix(1);
  }
  if (line.empty()) return false;
  line.remove_prefix(1);
  return true;
}

std::optional<Sample> read_sample(std::string_view line) {
  if (line.empty() || line.front() == '#') return std::nullopt;
  Sample sample;
  const auto end = line.find_first_of("{ ");
  if (end == std::string_view::npos) return std::nullopt;
  sample.name = line.substr(0, end);
  line.remove_prefix(end);
  if (line.front() == '{' && !read_labels(line, sample)) return std::nullopt;
  while (line.starts_with(' ')) line.remove_prefix(1);
  const auto [stop, error] = std::from_chars(line.data(), line.data() + line.size(), sample.value);
  if (error != std::errc{}) return std::nullopt;
  return sample;
}

class NumbersReader {
 public:
  void add(const Sample& sample) {
    const auto count = static_cast<std::int64_t>(sample.value);
    const auto name = sample.name;
    if (name.starts_with("mooring_item_")) return add_item(sample, count);
    if (name == "mooring_devices" && sample.label("state") == "enrolled") numbers_.enrolled = count;
    if (name == "mooring_queue_commands" && sample.label("status") == "queued") numbers_.queued = count;
    if (name == "mooring_queue_commands" && sample.label("status") == "not_now") numbers_.not_now = count;
    if (name == "mooring_pushes_total" && sample.label("result") == "success") numbers_.pushes = count;
    if (name == "mooring_converge_seconds_count") numbers_.converged = count;
    if (name == "mooring_converge_seconds_sum") numbers_.converged_seconds = sample.value;
  }

  ServerNumbers take() {
    for (auto& [name, item] : items_) numbers_.items.push_back(std::move(item));
    return std::move(numbers_);
  }

 private:
  void add_item(const Sample& sample, std::int64_t count) {
    auto& item = items_[sample.label("item")];
    item.name = sample.label("item");
    if (sample.name == "mooring_item_desired_devices") item.desired = count;
    if (sample.name == "mooring_item_verified_devices") item.verified = count;
    if (sample.name == "mooring_item_drifted_devices") item.drifted = count;
    if (sample.name == "mooring_item_failed_devices") item.failed = count;
    if (sample.name == "mooring_item_drift_oldest_seconds") item.oldest_drift_seconds = sample.value;
  }

  std::map<std::string, ItemNumbers> items_;
  ServerNumbers numbers_;
};

}  // namespace

ServerNumbers read_numbers(const std::string& page) {
  NumbersReader reader;
  std::size_t begin = 0;
  while (begin < page.size()) {
    const auto end = std::min(page.find('\n', begin), page.size());
    if (const auto sample = read_sample(std::string_view(page).substr(begin, end - begin)))
      reader.add(*sample);
    begin = end + 1;
  }
  return reader.take();
}

Result<std::string> DemoClient::put_profile(const std::string& name, const std::string& content) const {
  http::Request request{.method = "PUT", .target = "/v1/profiles/" + name, .body = content};
  request.headers.set("Content-Type", "application/x-apple-aspen-config");
  return member_of<std::string>(ask(*this, std::move(request)), "payload_uuid");
}

Result<std::int64_t> DemoClient::assign(const std::string& profile, const std::string& scope) const {
  const Json body{{"profile", profile}, {"scope", scope}, {"intent", "present"}};
  http::Request request{.method = "POST", .target = "/v1/assignments", .body = body.dump()};
  request.headers.set("Content-Type", "application/json");
  return member_of<std::int64_t>(ask(*this, std::move(request)), "id");
}

Result<> DemoClient::end_assignment(std::int64_t id) const {
  const auto answer = ask(*this, {.method = "DELETE", .target = fmt::format("/v1/assignments/{}", id)});
  // Asked again after a broken connection, it may be gone already.
  if (answer || answer.error().message.find("assignment.unknown") != std::string::npos) return {};
  return std::unexpected(answer.error());
}

Result<> DemoClient::put_push_certificate(const std::string& pem) const {
  http::Request request{.method = "PUT", .target = "/v1/push-certificates", .body = pem};
  request.headers.set("Content-Type", "application/x-pem-file");
  const auto answer = ask(*this, std::move(request));
  if (!answer) return std::unexpected(answer.error());
  return {};
}

Result<> DemoClient::open_enrollment() const {
  const Json body{{"access", "open"}, {"organization", "Mooring demo"}};
  http::Request request{.method = "PUT", .target = "/v1/enrollment-profiles/default", .body = body.dump()};
  request.headers.set("Content-Type", "application/json");
  const auto answer = ask(*this, std::move(request));
  if (!answer) return std::unexpected(answer.error());
  return {};
}

Result<Drift> DemoClient::drift() const {
  const auto answer = ask(*this, {.target = "/v1/summary"});
  const auto profiles = member_of<Json>(answer, "profiles");
  if (!profiles) return std::unexpected(profiles.error());
  const auto devices = member_of<Json>(answer, "devices");
  if (!devices) return std::unexpected(devices.error());
  return Drift{.desired = profiles->value("desired", std::int64_t{-1}),
               .verified = profiles->value("verified", std::int64_t{-1}),
               .drifted = profiles->value("drifted", std::int64_t{-1}),
               .failed = profiles->value("failed", std::int64_t{-1}),
               .enrolled = devices->value("enrolled", std::int64_t{-1})};
}

Result<ServerNumbers> DemoClient::numbers() const {
  const auto answer = ask(*this, {.target = "/metrics"});
  if (!answer) return std::unexpected(answer.error());
  return read_numbers(answer->body);
}

}  // namespace mooring::app
