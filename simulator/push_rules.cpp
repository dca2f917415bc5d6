// SPDX-License-Identifier: Apache-2.0
#include "simulator/push_rules.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/encoding.hpp"

namespace mooring::simulator {
namespace {

constexpr std::size_t kPayloadLimit = 4096;
constexpr std::size_t kTokenSize = 32;
constexpr std::string_view kPushPath = "/3/device/";

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> allowed) {
  return std::ranges::find(allowed, text) != allowed.end();
}

}  // namespace

std::variant<Push, PushRejection> read_push(const http::Request& request,
                                            const std::string& certificate_topic) {
  if (!request.path().starts_with(kPushPath)) return PushRejection{404, "BadPath"};
  if (request.method != "POST") return PushRejection{405, "MethodNotAllowed"};
  const auto shown = request.path().substr(kPushPath.size());
  const bool lower = std::ranges::none_of(shown, [](char c) { return c >= 'A' && c <= 'F'; });
  const auto token = from_hex(shown);
  if (!lower || !token || token->size() != kTokenSize) return PushRejection{400, "BadDeviceToken"};
  const auto topic = request.headers.get("apns-topic");
  if (topic.empty()) return PushRejection{400, "MissingTopic"};
  if (topic != certificate_topic) return PushRejection{400, "TopicDisallowed"};
  const auto type = request.headers.get("apns-push-type");
  if (!type.empty() && type != "mdm") return PushRejection{400, "InvalidPushType"};
  const auto priority = request.headers.get("apns-priority");
  if (!priority.empty() && !is_one_of(priority, {"1", "5", "10"})) return PushRejection{400, "BadPriority"};
  const auto expires = request.headers.get("apns-expiration");
  std::int64_t expiration = 0;
  const auto [end, wrong] = std::from_chars(expires.data(), expires.data() + expires.size(), expiration);
  if (!expires.empty() &&
      (wrong != std::errc{} || end != expires.data() + expires.size() || expiration < 0)) {
    return PushRejection{400, "BadExpirationDate"};
  }
  if (request.body.empty()) return PushRejection{400, "PayloadEmpty"};
  if (request.body.size() > kPayloadLimit) return PushRejection{413, "PayloadTooLarge"};
  const auto body = nlohmann::json::parse(request.body, nullptr, false);
  // APNs itself does not look for the magic, but a push without it would never reach anybody.
  if (!body.is_object() || !body.contains("mdm") || !body["mdm"].is_string()) {
    return PushRejection{400, "PayloadEmpty"};
  }
  return Push{.token = *token,
              .magic = body["mdm"].get<std::string>(),
              .topic = std::string(topic),
              .push_type = std::string(type),
              .priority = std::string(priority),
              .expiration = expiration};
}

}  // namespace mooring::simulator
