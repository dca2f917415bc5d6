// SPDX-License-Identifier: Apache-2.0
#include "core/push_answer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <nlohmann/json.hpp>

namespace mooring::core {
namespace {

constexpr std::array kReasons{
    KnownReason{400, "BadDeviceToken", PushVerdict::token_dead},
    KnownReason{400, "DeviceTokenNotForTopic", PushVerdict::token_dead},
    KnownReason{400, "MissingDeviceToken", PushVerdict::mistake},
    KnownReason{400, "BadTopic", PushVerdict::refused},
    KnownReason{400, "MissingTopic", PushVerdict::refused},
    KnownReason{400, "TopicDisallowed", PushVerdict::refused},
    KnownReason{400, "InvalidPushType", PushVerdict::mistake},
    KnownReason{400, "BadExpirationDate", PushVerdict::mistake},
    KnownReason{400, "BadPriority", PushVerdict::mistake},
    KnownReason{400, "BadCollapseId", PushVerdict::mistake},
    KnownReason{400, "BadMessageId", PushVerdict::mistake},
    KnownReason{400, "DuplicateHeaders", PushVerdict::mistake},
    KnownReason{400, "PayloadEmpty", PushVerdict::mistake},
    KnownReason{400, "IdleTimeout", PushVerdict::service_waits},
    KnownReason{403, "BadCertificate", PushVerdict::refused},
    KnownReason{403, "BadCertificateEnvironment", PushVerdict::refused},
    KnownReason{403, "Forbidden", PushVerdict::refused},
    KnownReason{403, "ExpiredProviderToken", PushVerdict::refused},
    KnownReason{403, "InvalidProviderToken", PushVerdict::refused},
    KnownReason{403, "MissingProviderToken", PushVerdict::refused},
    KnownReason{404, "BadPath", PushVerdict::mistake},
    KnownReason{405, "MethodNotAllowed", PushVerdict::mistake},
    KnownReason{410, "Unregistered", PushVerdict::token_dead},
    KnownReason{410, "ExpiredToken", PushVerdict::token_dead},
    KnownReason{413, "PayloadTooLarge", PushVerdict::mistake},
    KnownReason{429, "TooManyRequests", PushVerdict::device_waits},
    KnownReason{429, "TooManyProviderTokenUpdates", PushVerdict::device_waits},
    KnownReason{500, "InternalServerError", PushVerdict::service_waits},
    KnownReason{503, "ServiceUnavailable", PushVerdict::service_waits},
    KnownReason{503, "Shutdown", PushVerdict::service_waits},
};

/// Where the reason is new to us, the status decides.
PushVerdict by_status(int status) {
  if (status == 403) return PushVerdict::refused;
  if (status == 410) return PushVerdict::token_dead;
  if (status == 429) return PushVerdict::device_waits;
  return status >= 500 ? PushVerdict::service_waits : PushVerdict::mistake;
}

/// RFC 9110 10.2.3: seconds, or a date.
std::optional<std::chrono::seconds> read_retry_after(std::string_view text, Time now) {
  if (text.empty()) return std::nullopt;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc{} && end == text.data() + text.size()) {
    return std::chrono::seconds(std::max<std::int64_t>(seconds, 0));
  }
  std::tm date{};
  const std::string copy(text);
  if (::strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date) == nullptr) return std::nullopt;
  const auto until = std::chrono::system_clock::from_time_t(::timegm(&date));
  return std::max(std::chrono::ceil<std::chrono::seconds>(until - now), std::chrono::seconds(0));
}

std::optional<Time> read_timestamp(const nlohmann::json& body) {
  const auto found = body.find("timestamp");
  if (found == body.end() || !found->is_number_integer()) return std::nullopt;
  return Time{std::chrono::milliseconds(found->get<std::int64_t>())};
}

}  // namespace

PushJudgement judge_push(const PushAnswer& answer, std::optional<Time> token_updated_at, Time now) {
  if (answer.status == 200) return {};
  auto body = nlohmann::json::parse(answer.body, nullptr, false);
  if (!body.is_object()) body = nlohmann::json::object();
  const auto named = body.find("reason");
  const std::string reason = named != body.end() && named->is_string() ? named->get<std::string>() : "";
  const auto* known = std::ranges::find_if(kReasons, [&](const KnownReason& each) {
    return each.reason == reason && each.status == answer.status;
  });
  PushJudgement judgement{.verdict = known != kReasons.end() ? known->verdict : by_status(answer.status),
                          .reason = known != kReasons.end() ? reason : "Other",
                          .retry_after = read_retry_after(answer.retry_after, now)};
  const auto since = read_timestamp(body);
  if (judgement.verdict == PushVerdict::token_dead && answer.status == 410 && since && token_updated_at &&
      *since <= *token_updated_at) {
    judgement.verdict = PushVerdict::device_waits;
  }
  return judgement;
}

std::span<const KnownReason> known_push_reasons() { return kReasons; }

std::string_view name_of(PushVerdict verdict) {
  switch (verdict) {
    case PushVerdict::accepted:
      return "success";
    case PushVerdict::token_dead:
      return "token_dead";
    case PushVerdict::device_waits:
      return "throttled";
    case PushVerdict::service_waits:
      return "unavailable";
    case PushVerdict::refused:
      return "refused";
    case PushVerdict::mistake:
      return "mistake";
  }
  return "mistake";
}

std::string push_body(std::string_view magic) {
  // A magic is a UUID in every client that is known, and costs nothing then.
  const bool plain =
      std::ranges::all_of(magic, [](char c) { return c >= ' ' && c < '\x7f' && c != '"' && c != '\\'; });
  if (plain) return std::string("{\"mdm\":\"").append(magic).append("\"}");
  const nlohmann::json body{{"mdm", magic}};
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace mooring::core
