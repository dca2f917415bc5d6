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
};

struct FactName {
  std::string_view name;
  FactType type;
  std::string_view key;  ///< Of a DeviceInformation response; empty for what check-ins tell.
};

/// Sorted by name.
std::span<const FactName> fact_names();
const FactName* find_fact_name(std::string_view name);

/// Text and versions are strings.
using FactValue = std::variant<bool, double, std::string>;

class Facts {
 public:
  /// A value of another type than the name's is dropped: it counts as unknown.
  void set(std::string_view name, FactValue value);
  /// From the JSON that facts_from_report makes; anything else adds nothing.
  void add_information(std::string_view json);
  void add_tag(std::string tag) { tags_.push_back(std::move(tag)); }

  /// nullptr: unknown.
  const FactValue* find(std::string_view name) const;
  bool has_tag(std::string_view tag) const;

 private:
  std::map<std::string, FactValue, std::less<>> values_;
  std::vector<std::string> tags_;
};

/// The first platform that one of the names (product name, model, model name) says; empty where none does.
std::string_view platform_by_names(std::span<const std::string_view> names);

/// By device. `with_information`: also what DeviceInformation said, which is large.
std::unordered_map<std::int64_t, Facts> facts_of_devices(pg::Connection& connection,
                                                         std::span<const std::int64_t> devices,
                                                         bool with_information);

}  // namespace mooring::director
