// SPDX-License-Identifier: Apache-2.0
// Secrets that a device brings back once, kept as hashes.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"

namespace mooring::core::enroll::detail {

inline constexpr std::int16_t kOtaToken = 1;
inline constexpr std::int16_t kAccountToken = 2;

struct TakenToken {
  std::string profile;
  std::string user_name;
};

/// 32 random bytes as lower-case hex.
std::string make_token(pg::Connection& db, std::int16_t kind, const std::string& profile,
                       const std::string& user_name, Time now, std::chrono::seconds lifetime);
/// Uses it up; nullopt where there is none. `profile`: what it must be for; empty: any.
std::optional<TakenToken> take_token(pg::Connection& db, std::int16_t kind, std::string_view profile,
                                     std::string_view token, Time now);

/// A UDID, EnrollmentID or serial number, or nothing: at most 64 of A-Z, a-z, 0-9, '-', '.', '_'.
bool is_device_name(std::string_view text);

}  // namespace mooring::core::enroll::detail
