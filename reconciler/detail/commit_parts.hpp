// SPDX-License-Identifier: Apache-2.0
// The parts of a commit that move together: records of items, and how many devices are in which state.
#pragma once

#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "base/postgres/connection.hpp"
#include "director/history.hpp"
#include "reconciler/plan.hpp"

namespace mooring::reconciler::detail {

/// How the counters move. Ordered maps: every process takes the rows in the same order.
struct Movement {
  using StateKey = std::tuple<std::int32_t, std::int32_t, RecordIntent, ItemState>;  ///< item, version
  std::map<StateKey, std::int64_t> states;
  std::map<std::pair<std::int32_t, Time>, std::int64_t> drift;  ///< item, minute

  void add(const ItemRecord& record, int sign);
};
void put_counters(pg::Connection& connection, const Movement& movement);

/// Moves the counts of what the devices' lists show.
void put_listed(pg::Connection& connection, std::span<const Plan> plans);

/// What a person would want to know of a change later on. Commands tell the rest.
struct ItemPast {
  std::int64_t device = 0;
  director::HistoryKind kind = director::HistoryKind::state;
  const ItemRecord* before = nullptr;  ///< nullptr: there was no record.
  const ItemRecord* after = nullptr;   ///< nullptr: there is none any more.
};
void put_history(pg::Connection& connection, const std::vector<ItemPast>& past, Time now);

/// What differs between the records before and after the plans of a batch.
struct ItemChanges {
  std::vector<std::pair<std::int64_t, const ItemRecord*>> put;   ///< By device; points into the plans.
  std::vector<std::pair<std::int64_t, const ItemRecord*>> drop;  ///< Likewise.
  std::vector<ItemPast> past;
  Movement movement;

  void collect(const Plan& plan);
};
void put_items(pg::Connection& connection, const ItemChanges& changes);

}  // namespace mooring::reconciler::detail
