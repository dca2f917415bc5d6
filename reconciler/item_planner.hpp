// SPDX-License-Identifier: Apache-2.0
// Decides about one item on one device: the transitions of docs/reconciler.md.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/plan.hpp"

namespace mooring::reconciler {

/// What the items of one device share while their plan is made.
class ItemPlanner {
 public:
  ItemPlanner(const DeviceSnapshot& snapshot, const PassContext& context, Plan& plan)
      : snapshot_(snapshot), context_(context), plan_(plan), open_(snapshot.open) {}

  // In this order: reports first, then what is desired, then what no longer is.
  void read_reports(std::vector<KnownItem>& items);
  void reconcile(KnownItem& item, const Desired& desired, bool is_new);
  /// `heir`: the record of the present item that took over the slot, if any. Returns false once nothing is
  /// left to do: the record goes.
  bool finish_ended(KnownItem& item, const ItemRecord* heir);

  /// As loaded, or as a report of this pass says.
  const Evidence& evidence() const { return newer_ ? *newer_ : snapshot_.evidence; }
  const std::vector<OpenCommand>& open() const { return open_; }
  bool list_wanted() const { return list_wanted_; }
  std::optional<Time> next_check() const { return next_check_; }
  std::string command_uuid(std::int32_t item, std::optional<std::int32_t> version);

 private:
  void read_item_report(KnownItem& item, const Observation& report);
  void read_inventory_report(const Observation& report);
  void read_profile_list(const Observation& report);

  void adopt(ItemRecord& record, const Desired& desired, bool is_new);
  void verified(ItemRecord& record);
  bool begin_incident(ItemRecord& record);
  void drive(KnownItem& item, Presence presence);
  void send(KnownItem& item);
  bool waits_for_turn(KnownItem& item);
  void attempt_failed(ItemRecord& record, ErrorClass error_class, std::string reason);
  void cancel_open(std::int32_t item, const std::function<bool(const OpenCommand&)>& which);
  const OpenCommand* find_open(std::int32_t item, std::optional<std::int32_t> version) const;
  bool list_is_fresh(const ItemRecord& record) const;
  bool drop_unproven(KnownItem& item, Presence presence);
  void check_at(Time when);
  std::uint64_t key(const ItemRecord& record) const;

  const DeviceSnapshot& snapshot_;
  const PassContext& context_;
  Plan& plan_;
  std::optional<Evidence> newer_;
  std::vector<OpenCommand> open_;
  bool list_wanted_ = false;
  std::optional<Time> next_check_;
};

}  // namespace mooring::reconciler
