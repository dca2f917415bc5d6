// SPDX-License-Identifier: Apache-2.0
#include "core/token_service.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/crypto/raw_signature.hpp"
#include "base/crypto/x509.hpp"
#include "base/encoding.hpp"
#include "base/plist/plist.hpp"

namespace mooring::core {
namespace {

constexpr pg::Statement kPutTokenService{"token_service_put", R"(
insert into token_services (name, settings, secret, updated_at) values ($1, $2, $3, $4)
on conflict (name) do update set settings = excluded.settings, secret = excluded.secret, updated_at = excluded.updated_at)"};
constexpr pg::Statement kListTokenServices{
    "token_service_list", "select name, settings, updated_at from token_services order by name"};
constexpr pg::Statement kDeleteTokenService{"token_service_delete",
                                            "delete from token_services where name = $1"};

// One row where the enrollment is known; nulls where the service is not set up.
constexpr pg::Statement kTokenServiceFor{"token_service_for", R"(
select e.id, s.settings, s.secret
from enrollments e left join token_services s on s.name = $3
where e.enrollment_id = $1 and e.parent_length = $2)"};
constexpr pg::Statement kTokenRead{"token_read", R"(
insert into events (created_at, enrollment_id, kind, detail, url_params, body) values ($1, $2, $3, $4, $5, $6))"};

constexpr pg::Statement kStorePairingToken{"token_store_pairing", R"(
with old as (delete from watch_pairing_tokens where expires_at < $6)
insert into watch_pairing_tokens
  (hash, enrollment_id, security_token, phone_udid, watch_udid, created_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7))"};
constexpr pg::Statement kRedeemPairingToken{"token_redeem_pairing", R"(
update watch_pairing_tokens set used_at = $3
where hash = $1 and watch_udid = $2 and used_at is null and expires_at > $3)"};

constexpr int kLeastRsaBits = 2048;
constexpr std::size_t kPairingTokenBytes = 32;

std::string maid_context() { return fmt::format("token-service:{}", kMaidService); }

std::unexpected<Error> refused(const char* code, std::string why) {
  return fail(Failure::invalid, code, std::move(why));
}

/// RFC 7519, signed with RS256.
Result<std::string> make_jwt(const crypto::PrivateKey& key, const nlohmann::json& claims) {
  const std::string content =
      to_base64url(R"({"alg":"RS256","typ":"JWT"})") + "." + to_base64url(claims.dump());
  const auto signature = crypto::sign_sha256(key, content);
  if (!signature) return std::unexpected(signature.error());
  return content + "." + to_base64url(*signature);
}

Result<std::string> maid_token(const nlohmann::json& settings, std::string_view pem, Time now) {
  const auto key = crypto::PrivateKey::parse(pem);
  if (!key) return std::unexpected(key.error());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  return make_jwt(*key, {{"iss", settings.at("server_uuid")},
                         {"iat", seconds},
                         {"jti", crypto::Uuid::random().text()},
                         {"service_type", kMaidService}});
}

struct PairingParameters {
  std::string security_token;
  std::string phone_udid;
  std::string watch_udid;
};

Result<PairingParameters> read_pairing(const plist::Dict& message) {
  const plist::Dict* parameters = message.dict("TokenParameters");
  PairingParameters read;
  for (const auto& [key, into] : {std::pair{"SecurityToken", &read.security_token},
                                  {"PhoneUDID", &read.phone_udid},
                                  {"WatchUDID", &read.watch_udid}}) {
    const std::string* text = parameters == nullptr ? nullptr : parameters->string(key);
    if (text == nullptr || text->empty()) {
      return refused("token.missing_parameter",
                     fmt::format("GetToken for {} without TokenParameters.{}", kWatchPairingService, key));
    }
    *into = *text;
  }
  return read;
}

Result<std::string> pairing_token(pg::Connection& connection, std::int64_t enrollment,
                                  const nlohmann::json& settings, const PairingParameters& pairing,
                                  Time now) {
  std::string token = to_base64url(crypto::random_bytes(kPairingTokenBytes));
  const auto hash = crypto::sha256(token);
  const std::chrono::seconds valid_for(settings.at("valid_for_seconds").get<std::int64_t>());
  connection.exec(kStorePairingToken, pg::Bytes{crypto::bytes_of(hash)}, enrollment, pairing.security_token,
                  pairing.phone_udid, pairing.watch_udid, now, now + valid_for);
  return token;
}

}  // namespace

Result<> put_maid_service(pg::Connection& connection, const crypto::SecretBox& secrets,
                          std::string_view server_uuid, std::string_view private_key, Time now) {
  if (!crypto::Uuid::parse(server_uuid)) {
    return refused("token_service.server_uuid",
                   "the server's UUID is no UUID: Apple names it as server_uuid of the account");
  }
  const auto key = crypto::PrivateKey::parse(private_key);
  if (!key) return std::unexpected(key.error());
  if (!key->is_rsa() || key->bits() < kLeastRsaBits) {
    return refused("token_service.key",
                   "the key has to be an RSA key of at least 2048 bits: tokens are RS256");
  }
  const std::string settings = nlohmann::json{{"server_uuid", server_uuid}}.dump();
  const std::string sealed = secrets.seal(key->pem(), maid_context());
  connection.exec(kPutTokenService, kMaidService, pg::Json{settings}, std::optional(pg::Bytes{sealed}), now);
  return {};
}

void put_watch_pairing_service(pg::Connection& connection, std::chrono::seconds valid_for, Time now) {
  const std::string settings = nlohmann::json{{"valid_for_seconds", valid_for.count()}}.dump();
  connection.exec(kPutTokenService, kWatchPairingService, pg::Json{settings}, std::optional<pg::Bytes>(),
                  now);
}

std::vector<TokenService> list_token_services(pg::Connection& connection) {
  std::vector<TokenService> services;
  for (const auto row : connection.exec(kListTokenServices)) {
    services.push_back({row.text(0), std::string(row.get<pg::Json>(1).view), row.get<Time>(2)});
  }
  return services;
}

bool delete_token_service(pg::Connection& connection, std::string_view name) {
  return connection.exec(kDeleteTokenService, name).affected() == 1;
}

bool redeem_pairing_token(pg::Connection& connection, std::string_view token, std::string_view watch_udid,
                          Time now) {
  const auto hash = crypto::sha256(token);
  return connection.exec(kRedeemPairingToken, pg::Bytes{crypto::bytes_of(hash)}, watch_udid, now)
             .affected() == 1;
}

Task<Result<CheckinOutcome>> TokenServices::handle(EnrollmentId enrollment, plist::Dict message,
                                                   MessageContext context) {
  const std::string* named = message.string("TokenServiceType");
  if (named == nullptr || named->empty()) {
    co_return refused("checkin.missing_key", "GetToken without TokenServiceType");
  }
  const bool is_pairing = *named == kWatchPairingService;
  if (!is_pairing && *named != kMaidService) {
    co_return refused("token.unknown_service",
                      fmt::format("there is no token service {}", named->substr(0, 100)));
  }
  PairingParameters pairing;
  if (is_pairing) {
    auto read = read_pairing(message);
    if (!read) co_return std::unexpected(read.error());
    pairing = std::move(*read);
  }
  pg::Pool::Body<CheckinOutcome> body = [this, enrollment = std::move(enrollment), service = *named,
                                         is_pairing, pairing = std::move(pairing), now = s_.clock.now(),
                                         extras = EventExtras(s_.interest, EventKind::token_read, context)](
                                            pg::Connection& c) -> Result<CheckinOutcome> {
    const auto rows = c.exec(kTokenServiceFor, enrollment.id, enrollment.parent_length(), service);
    if (rows.empty()) return unknown_enrollment(enrollment);
    if (rows[0].is_null(1)) {
      return refused(
          "token.not_configured",
          fmt::format("a device asks for a token of {}, which is not set up: PUT /v1/token-services/{}",
                      service, service));
    }
    const auto settings = nlohmann::json::parse(rows[0].get<pg::Json>(1).view);
    const std::int64_t id = rows[0].int64(0);
    Result<std::string> token;
    if (is_pairing) {
      token = pairing_token(c, id, settings, pairing, now);
    } else {
      const auto pem = s_.secrets.open(rows[0].get<pg::Bytes>(2).view, maid_context());
      if (!pem) return std::unexpected(pem.error());
      token = maid_token(settings, *pem, now);
    }
    if (!token) return std::unexpected(token.error());
    c.exec(kTokenRead, now, id, number_of(EventKind::token_read),
           pg::Json{nlohmann::json{{"service", service}}.dump()}, extras.params_value(), extras.body_value());
    return CheckinOutcome{.enrollment = id,
                          .reply = plist::to_xml(plist::Dict{{"TokenData", plist::Data{std::move(*token)}}})};
  };
  co_return co_await s_.pool.transaction<CheckinOutcome>(std::move(body));
}

}  // namespace mooring::core
