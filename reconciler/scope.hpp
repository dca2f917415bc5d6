// SPDX-License-Identifier: Apache-2.0
// Whether an assignment applies to a device: yes, no, or not known. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "director/conditions.hpp"
#include "director/truth.hpp"
#include "reconciler/desired.hpp"

namespace mooring::reconciler {

/// An assignment as it was declared. Groups by their number.
struct Candidate {
  Desired desired;
  std::int16_t percent = 100;
  std::vector<std::int32_t> include_any;
  std::vector<std::int32_t> include_all;
  std::vector<std::int32_t> exclude;
  director::Conditions conditions;  ///< Of the item.
  std::int32_t assignment = 0;

  /// It does not apply to every device of its scope, or its scope is a group.
  bool is_conditional() const;
};

/// By group; one that is not in it: no.
using Memberships = std::map<std::int32_t, director::Truth>;

/// What conditions and percentages ask of a device; empty where it is not known.
struct DeviceTraits {
  std::string udid;
  std::string platform;
  std::string os_version;
};

director::Truth truth_of(const Candidate& candidate, const DeviceTraits& device, const Memberships& groups);

/// 0 to 99: always the same for an item and a device; other devices come first for other items.
int bucket_of(std::int32_t item, std::string_view udid);

}  // namespace mooring::reconciler
