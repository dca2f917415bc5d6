// SPDX-License-Identifier: Apache-2.0
// What is known of a device, under names that expressions may use. What a device did not say is unknown:
// never empty, never false.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/postgres/connection.hpp"

namespace mooring::director {

enum class FactType : std::uint8_t {
  boolean,
  number,
  text,
  version,  ///< Text that is compared part by part: 14.10 comes after 14.9.
  time,     ///< Text, RFC 3339 in UTC.
};
std::string_view name_of(FactType type);

/// Who says so. From `security` on, numbers are device_inventory.source: never reuse one.
enum class FactSource : std::uint8_t {
  checkin = 0,       ///< Check-ins, corrected by DeviceInformation; or what Mooring concludes.
  information = 1,   ///< DeviceInformation.
  security = 2,      ///< SecurityInfo.
  certificates = 3,  ///< CertificateList; no fact comes from it.
  outside = 4,       ///< Somebody beside the device, by the API.
};
std::string_view name_of(FactSource source);

struct FactName {
  std::string_view name;
  FactType type;
  FactSource source;
  std::string_view key;      ///< Where it stands in what the source says; empty for what Mooring concludes.
  bool is_volatile = false;  ///< No history is kept of it.
};

/// Sorted by name.
std::span<const FactName> fact_names();
const FactName* find_fact_name(std::string_view name);

/// Text, versions and times are strings.
using FactValue = std::variant<bool, double, std::string>;
bool fits(FactType type, const FactValue& value);

class Facts {
 public:
  /// A value of another type than the name's is dropped: it counts as unknown.
  void set(std::string_view name, FactValue value);
  /// What `source` says, as the JSON of inventory.hpp; anything else adds nothing.
  void add(FactSource source, std::string_view json);
  void add_tag(std::string tag) { tags_.push_back(std::move(tag)); }

  /// nullptr: unknown.
  const FactValue* find(std::string_view name) const;
  bool has_tag(std::string_view tag) const;
  const std::map<std::string, FactValue, std::less<>>& all() const { return values_; }

 private:
  std::map<std::string, FactValue, std::less<>> values_;
  std::vector<std::string> tags_;
};

/// The first platform that one of the names (product name, model, model name) says; empty where none does.
std::string_view platform_by_names(std::span<const std::string_view> names);

/// By device. `with_inventory`: also what it answered when asked, which is large.
std::unordered_map<std::int64_t, Facts> facts_of_devices(pg::Connection& connection,
                                                         std::span<const std::int64_t> devices,
                                                         bool with_inventory);

}  // namespace mooring::director
