// SPDX-License-Identifier: Apache-2.0
// GetToken: tokens that a device takes to somebody else (Apple: mdm/checkin/gettoken.yaml).
//
//   com.apple.maid           proves to Apple that the device is managed by this server, so that its user may
//                            sign in with a Managed Apple Account: a JWT under the key whose certificate was
//                            uploaded to Apple Business or School Manager for this server
//   com.apple.watch.pairing  lets a watch enroll that is paired with a managed phone: a random token, good
//                            once, which the watch sends as PAIRING_TOKEN of its MachineInfo
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/plist/value.hpp"
#include "core/checkin_services.hpp"

namespace mooring::core {

inline constexpr std::string_view kMaidService = "com.apple.maid";
inline constexpr std::string_view kWatchPairingService = "com.apple.watch.pairing";

/// How one service is set up, without its secret.
struct TokenService {
  std::string name;
  std::string settings;  ///< JSON object: server_uuid, or valid_for_seconds.
  Time updated_at;
};

// Functions for administration run on a database thread and throw pg::SqlError.

/// `private_key`: PEM of an RSA key of at least 2048 bits, sealed before it is stored. Errors:
/// token_service.server_uuid, token_service.key, key.malformed.
Result<> put_maid_service(pg::Connection& connection, const crypto::SecretBox& secrets,
                          std::string_view server_uuid, std::string_view private_key, Time now);
void put_watch_pairing_service(pg::Connection& connection, std::chrono::seconds valid_for, Time now);
std::vector<TokenService> list_token_services(pg::Connection& connection);  ///< By name.
bool delete_token_service(pg::Connection& connection, std::string_view name);

/// True once for a token that was made for that watch and is not too old: it may enroll.
bool redeem_pairing_token(pg::Connection& connection, std::string_view token, std::string_view watch_udid,
                          Time now);

/// Answers {TokenData}.
class TokenServices {
 public:
  explicit TokenServices(CheckinServices services) : s_(services) {}

  /// Errors, all 400: checkin.missing_key, token.unknown_service, token.not_configured,
  /// token.missing_parameter, checkin.unknown_enrollment.
  Task<Result<CheckinOutcome>> handle(EnrollmentId enrollment, plist::Dict message, MessageContext context);

 private:
  CheckinServices s_;
};

}  // namespace mooring::core
