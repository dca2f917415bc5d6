// SPDX-License-Identifier: Apache-2.0
// The plan of one device: plan.cpp decides what of its items comes when, plan_inventory.cpp which lists are
// asked for, plan_schedule.cpp when to look again and whom to wake, plan_listed.cpp what came and went in its
// list.
#pragma once

#include <vector>

#include "reconciler/detail/inventory_sources.hpp"
#include "reconciler/item_planner.hpp"

namespace mooring::reconciler::detail {

class Planner {
 public:
  Planner(const DeviceSnapshot& snapshot, const PassContext& context);
  Plan run();

 private:
  void forget();
  DeviceSnapshot without_state() const;
  void withdraw();
  Plan sleep();
  void note_generation();
  void reconcile_desired(ItemPlanner& planner);
  bool is_desired(std::int32_t item) const;
  const ItemRecord* heir_of(const KnownItem& ended) const;
  void finish_ended(ItemPlanner& planner);
  void note_convergence();
  void note_listed();

  bool list_is_due(const ItemPlanner& planner) const;
  Time list_due_at(const ItemPlanner& planner) const;
  Time source_due_at(const InventorySource& source) const;
  bool source_is_due(const InventorySource& source, Duration early) const;
  void request_inventory(ItemPlanner& planner);
  Time next_list_at(const ItemPlanner& planner) const;
  Time next_source_at(const ItemPlanner& planner, const InventorySource& source) const;
  bool is_asked_for(const ItemPlanner& planner, std::string_view request_type) const;

  void schedule(const ItemPlanner& planner);
  void look_again_for_those_who_wait();
  void await_people();
  Duration push_wait(int n) const;
  void push_now(bool own);

  const DeviceSnapshot& snapshot_;
  const PassContext& context_;
  std::vector<KnownItem> items_;
  Plan plan_;
};

}  // namespace mooring::reconciler::detail
