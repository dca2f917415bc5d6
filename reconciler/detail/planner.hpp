// SPDX-License-Identifier: Apache-2.0
// The plan of one device: plan.cpp decides what of its items comes when, plan_inventory.cpp which lists are
// asked for, plan_schedule.cpp when to look again and whom to wake, plan_listed.cpp what came and went in its
// list.
#pragma once

#include <deque>
#include <vector>

#include "reconciler/detail/inventory_sources.hpp"
#include "reconciler/item_planner.hpp"

namespace mooring::reconciler::detail {

/// One channel of the device while its plan is made: the device's own, or one of a user.
struct ChannelWork {
  ChannelWork(const DeviceSnapshot& snapshot, const ChannelSnapshot& seen, const PassContext& context,
              Plan& plan)
      : channel(seen),
        items(seen.items),
        list(seen.list),
        planner(snapshot, seen, items, list, context, plan) {}

  bool is_own() const { return channel.channel == kOwnChannel; }
  /// The item belongs on this kind of channel.
  bool takes(const ItemFacts& facts) const { return facts.for_users != is_own(); }

  const ChannelSnapshot& channel;
  std::vector<KnownItem> items;
  ListState list;
  ItemPlanner planner;
};

class Planner {
 public:
  Planner(const DeviceSnapshot& snapshot, const PassContext& context);
  Plan run();

 private:
  void forget();
  DeviceSnapshot without_state() const;
  void withdraw();
  void withdraw_from_gone(const DeviceSnapshot& seen);
  Plan sleep();
  void note_generation();
  void reconcile_desired(ChannelWork& work);
  bool is_desired(const ChannelWork& work, std::int32_t item) const;
  const ItemRecord* heir_of(const ChannelWork& work, const KnownItem& ended) const;
  void finish_ended(ChannelWork& work);
  void take(ChannelWork& work);
  void note_convergence();
  void note_listed();

  std::uint64_t jitter_of(const ChannelWork& work) const;
  bool list_is_due(const ChannelWork& work) const;
  Time list_due_at(const ChannelWork& work) const;
  Time source_due_at(const InventorySource& source) const;
  bool source_is_due(const InventorySource& source, Duration early) const;
  void ask(ChannelWork& work, std::int32_t payload, std::string_view request_type);
  void request_inventory(ChannelWork& own);
  void request_user_list(ChannelWork& work);
  Time next_list_at(const ChannelWork& work) const;
  Time next_source_at(const ChannelWork& own, const InventorySource& source) const;
  bool is_asked_for(const ChannelWork& work, std::string_view request_type) const;

  using Channels = std::deque<ChannelWork>;  ///< The device's own comes first.
  void schedule(const Channels& channels);
  void look_again_for_those_who_wait(const Channels& channels);
  std::vector<std::int64_t> enrollments_with_work(const Channels& channels) const;
  void await_people();
  Duration push_wait(int n) const;
  void push_now(const std::vector<std::int64_t>& own);

  const DeviceSnapshot& snapshot_;
  const PassContext& context_;
  Plan plan_;
};

}  // namespace mooring::reconciler::detail
