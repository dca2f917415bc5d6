// SPDX-License-Identifier: Apache-2.0
// Secrets that profiles name by ${secret.NAME}. A value is sealed at rest, goes out inside profiles, and is
// in nobody's answer. Functions run on a database thread inside the caller's transaction and throw
// pg::SqlError.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/crypto/secret_box.hpp"
#include "base/postgres/connection.hpp"
#include "base/result.hpp"

namespace mooring::director {

inline constexpr std::size_t kLargestSecret = std::size_t{64} << 10U;

/// What may be shown.
struct Secret {
  std::string name;
  std::int64_t revision = 0;
  Time updated_at;
  std::string updated_by;
  std::vector<std::string> profiles;  ///< That name it, in order.
};

struct PutSecret {
  Secret secret;
  bool created = false;
  bool changed = false;  ///< false: the value was the same already.
};

/// Every device whose profiles name it gets them again. Errors: secret.bad_name, secret.bad_value (empty,
/// above 64 KiB, not UTF-8, or with control characters that no property list can hold).
Result<PutSecret> put_secret(pg::Connection& connection, const crypto::SecretBox& box, std::string_view name,
                             std::string_view value, std::string_view actor, Time now);
std::vector<Secret> list_secrets(pg::Connection& connection, std::string_view after, int limit);
std::optional<Secret> find_secret(pg::Connection& connection, std::string_view name);
/// Errors: secret.unknown; secret.in_use while a profile names it.
Result<> delete_secret(pg::Connection& connection, std::string_view name, Time now);

/// By variable ("secret.NAME"): the revision as text, which stands for the value.
std::map<std::string, std::string, std::less<>> secret_revisions(pg::Connection& connection);

struct OpenedSecret {
  std::int64_t revision = 0;
  std::string value;
};
/// By name; those that exist. Errors: secret.damaged.
Result<std::map<std::string, OpenedSecret>> open_secrets(pg::Connection& connection,
                                                         const crypto::SecretBox& box,
                                                         std::span<const std::string> names);

}  // namespace mooring::director
