// SPDX-License-Identifier: Apache-2.0
// What every device is asked about itself on intervals, beside ProfileList, which proves items.
#pragma once

#include <span>
#include <string_view>

#include "director/facts.hpp"
#include "reconciler/plan.hpp"

namespace mooring::reconciler::detail {

struct InventorySource {
  director::FactSource kind;
  std::string_view request_type;
  std::int32_t PassContext::* payload;
  Duration Policy::* interval;  ///< 0: as inventory_interval.
  std::optional<Time> DeviceRow::* at;
  std::optional<Time> DeviceRow::* retry_at;
  std::optional<std::string> Plan::* answer;

  Duration interval_of(const Policy& policy) const {
    return policy.*interval > Duration{} ? policy.*interval : policy.inventory_interval;
  }
};

std::span<const InventorySource> inventory_sources();
const InventorySource* find_source(std::string_view request_type);

}  // namespace mooring::reconciler::detail
