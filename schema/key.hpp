// SPDX-License-Identifier: Apache-2.0
// One message of the MDM protocol as Apple's schema describes it: a tree of keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mooring::schema {

enum class Platform : std::uint8_t { unknown, ios, macos, tvos, visionos, watchos };
std::string_view name_of(Platform platform);

enum class Type : std::uint8_t { any, string, integer, real, boolean, data, date, array, dictionary };
std::string_view name_of(Type type);

/// Who is asked or answers. What is not known is not judged.
struct Target {
  Platform platform = Platform::unknown;
  std::string os_version;  ///< "14.1"; empty: any.
  bool user_channel = false;
  bool user_enrollment = false;
  bool unsupervised = false;  ///< Known not to be supervised.
};

/// What the schema says of one platform. Attributes that do not bear on checking are kept as text.
struct Support {
  Platform platform = Platform::unknown;
  bool available = true;        ///< false: "introduced: n/a".
  std::string introduced;       ///< Empty: since the message exists.
  std::string removed;          ///< Empty: still there.
  bool device_channel = true;   ///< May be sent on the device channel.
  bool user_channel = true;     ///< May be sent on a user channel.
  std::string user_enrollment;  ///< "", "required" or "forbidden".
  std::string shared_ipad;      ///< "", "allowed", "required", "forbidden" or "ignored".
  std::string access_rights;    ///< "", or a right's name, "n/a", "SpecialCase".
  bool supervised = false;      ///< Needs supervision.
};

struct Key {
  std::string name;  ///< "*" for any name; the alternative's name inside an array of alternatives.
  Type type = Type::any;
  bool required = false;
  std::vector<std::string> allowed;  ///< Empty: any value.
  std::optional<double> minimum;
  std::optional<double> maximum;
  std::string standard;  ///< The value where the key is absent; empty where the schema names none.
  std::vector<Support> supports;
  std::vector<Key> keys;  ///< Of a dictionary; of an array, what its elements may be.

  const Key* find(std::string_view child) const;  ///< That key, otherwise the wildcard, otherwise nullptr.
  const Support* support(Platform platform) const;
};

struct Message {
  std::string name;               ///< RequestType, MessageType or error code.
  std::vector<Support> supports;  ///< Of the message as a whole.
  Key request;                    ///< A dictionary; also the body of an error.
  Key response;
};

/// False where the key is known to be absent on that platform, version, channel or kind of enrollment, or for
/// want of supervision.
bool available_to(const std::vector<Support>& supports, const Target& target);
/// Negative, zero or positive as "9.3.2" is older than, equal to or newer than "10.0".
int compare_versions(std::string_view a, std::string_view b);

}  // namespace mooring::schema
