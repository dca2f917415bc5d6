// SPDX-License-Identifier: Apache-2.0
#include "app/profiles_verb.hpp"

#include <fmt/format.h>

namespace mooring::app {
namespace {

using Json = nlohmann::json;

int status_of(const Result<>& result) {
  if (result) return 0;
  fmt::print(stderr, "mooring: {}\n", result.error().message);
  return 1;
}

/// For a segment of a path, or a value in a query.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string path_of(const std::string& name) { return "/v1/profiles/" + escaped(name); }

Result<> assign(const ProfilesOptions& options, const std::string& name) {
  http::Request request{.method = "POST", .target = "/v1/assignments"};
  request.headers.set("Content-Type", "application/json");
  request.body = Json{{"profile", name}, {"scope", options.scope}}.dump();
  const auto made = call_api(options.api, std::move(request));
  if (!made) return std::unexpected(made.error());
  fmt::print("assigned to {}\n", (*made)["scope"].get<std::string>());
  return {};
}

Result<> put(const ProfilesOptions& options) {
  auto content = read_whole_file(options.file);
  if (!content) return std::unexpected(content.error());
  http::Request request{.method = options.name.empty() ? "POST" : "PUT",
                        .target = options.name.empty() ? "/v1/profiles" : path_of(options.name)};
  request.headers.set("Content-Type", "application/x-apple-aspen-config");
  request.body = std::move(*content);
  const auto stored = call_api(options.api, std::move(request));
  if (!stored) return std::unexpected(stored.error());
  const auto name = (*stored)["name"].get<std::string>();
  fmt::print("{}  {}\n", name, (*stored)["changed"].get<bool>() ? "declared" : "unchanged");
  for (const auto& warning : (*stored)["warnings"])
    fmt::print(stderr, "WARNING: {}\n", warning["message"].get<std::string>());
  return options.scope.empty() ? Result<>{} : assign(options, name);
}

void print_line(const Json& profile) {
  fmt::print("{:<32} {:>8} {:>8} {:>8} {:>8}  {}\n", profile["name"].get<std::string>(),
             profile["desired"].get<std::int64_t>(), profile["verified"].get<std::int64_t>(),
             profile["drifted"].get<std::int64_t>(), profile["failed"].get<std::int64_t>(),
             profile["identifier"].get<std::string>());
}

Result<> list(const ProfilesOptions& options) {
  fmt::print("{:<32} {:>8} {:>8} {:>8} {:>8}  {}\n", "NAME", "DESIRED", "VERIFIED", "DRIFTED", "FAILED",
             "IDENTIFIER");
  std::string cursor;
  do {
    http::Request request{.target = "/v1/profiles?limit=1000"};
    if (!cursor.empty()) request.target += "&cursor=" + cursor;
    const auto page = call_api(options.api, std::move(request));
    if (!page) return std::unexpected(page.error());
    for (const auto& profile : (*page)["items"]) print_line(profile);
    cursor = (*page)["next_cursor"].is_string() ? (*page)["next_cursor"].get<std::string>() : std::string();
  } while (!cursor.empty());
  return {};
}

Result<> show(const ProfilesOptions& options) {
  const auto answer =
      call_api(options.api, {.target = path_of(options.name) + (options.content ? "/content" : "")});
  if (!answer) return std::unexpected(answer.error());
  fmt::print("{}\n", options.content && answer->is_string() ? answer->get<std::string>() : answer->dump(2));
  return {};
}

Result<> remove(const ProfilesOptions& options) {
  http::Request request{.method = "DELETE", .target = path_of(options.name)};
  if (!options.confirm.empty()) request.target += "?confirm=" + escaped(options.confirm);
  const auto answer = call_api(options.api, std::move(request));
  if (!answer) return std::unexpected(answer.error());
  fmt::print("{}  deleted; devices on which Mooring installed it lose it\n", options.name);
  return {};
}

}  // namespace

int profiles_put(const ProfilesOptions& options) { return status_of(put(options)); }
int profiles_list(const ProfilesOptions& options) { return status_of(list(options)); }
int profiles_show(const ProfilesOptions& options) { return status_of(show(options)); }
int profiles_delete(const ProfilesOptions& options) { return status_of(remove(options)); }

std::string profiles_help() {
  return "mooring profiles, the declared profiles of a running server:\n\n"
         "  profiles put FILE [--name NAME] [--scope all|group:NAME|device:ID]\n"
         "      declares a .mobileconfig, under its PayloadIdentifier unless named; with --scope also "
         "assigns it\n"
         "  profiles list\n"
         "      with how many devices should have each, and have it\n"
         "  profiles show NAME [--content]\n"
         "  profiles delete NAME [--confirm TEXT]\n"
         "      every device that holds it loses it; the server says what to confirm where these are many\n\n"
         "All take [--api URL] [--token-file FILE] [--api-trust FILE], as push-cert does.\n";
}

}  // namespace mooring::app
