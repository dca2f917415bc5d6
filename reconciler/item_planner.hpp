// SPDX-License-Identifier: Apache-2.0
// Decides about one item on one channel of a device: the transitions of docs/reconciler.md.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/error_table.hpp"
#include "reconciler/plan.hpp"

namespace mooring::reconciler {

/// What the items of one channel share while their plan is made.
class ItemPlanner {
 public:
  /// `items`: the channel's records, as this plan changes them. `list`: as it will be stored.
  ItemPlanner(const DeviceSnapshot& snapshot, const ChannelSnapshot& channel, std::vector<KnownItem>& items,
              ListState& list, const PassContext& context, Plan& plan);

  // In this order: reports first, then what is desired, then what no longer is.
  void read_reports();
  void reconcile(KnownItem& item, const Desired& desired, bool is_new);
  /// `heir`: the record of the present item that took over the slot, if any. Returns false once nothing is
  /// left to do: the record goes.
  bool finish_ended(KnownItem& item, const ItemRecord* heir);

  /// As loaded, or as a report of this pass says.
  const Evidence& evidence() const { return newer_ ? *newer_ : channel_.evidence; }
  const ListState& list() const { return list_; }
  /// Encoded, where a report of this pass says something new.
  const std::optional<std::string>& new_list() const { return new_list_; }
  const std::vector<OpenCommand>& open() const { return open_; }
  bool list_wanted() const { return list_wanted_; }
  std::optional<Time> next_check() const { return next_check_; }
  std::string command_uuid(std::int32_t item, std::optional<std::int32_t> version);

 private:
  void read_item_report(KnownItem& item, const Observation& report);
  void read_inventory_report(const Observation& report);
  void note_build(const std::string& build);
  void read_profile_list(const Observation& report);

  void enter(ItemRecord& record, ItemState state, Reason reason = Reason::none, std::string detail = {});
  void adopt(ItemRecord& record, const Desired& desired, bool is_new);
  bool is_asked(std::int32_t item, director::RequestKind kind) const;
  bool is_asked_again(const ItemRecord& record, const Desired& desired) const;
  bool is_due_again(const ItemRecord& record) const;
  static bool is_rendered_anew(const ItemRecord& record, const Desired& desired);
  Presence observe(const KnownItem& item) const;
  bool is_ours(const KnownItem& item) const;
  Presence observe_for_removal(const KnownItem& item) const;
  bool touches_foreign(KnownItem& item);
  void note_drift(ItemRecord& record, bool is_new);
  void verified(ItemRecord& record);
  bool begin_incident(ItemRecord& record);
  void drive(KnownItem& item, const Desired* desired, Presence presence);
  bool is_at_work(ItemRecord& record, bool closed);
  bool waits_for_its_time(ItemRecord& record);
  bool waits_for_turn(KnownItem& item);
  std::optional<Closed> first_closed(const ItemRecord& record, const Desired* desired) const;
  void wait(ItemRecord& record, Closed closed);
  void look_when_window_closes(const ItemRecord& record);
  void send(KnownItem& item);
  void attempt_failed(ItemRecord& record, ErrorClass error_class, std::string detail = {});
  void cancel_open(std::int32_t item, const std::function<bool(const OpenCommand&)>& which);
  const OpenCommand* find_open(const ItemRecord& record) const;
  bool list_is_fresh(const ItemRecord& record) const;
  void begin_end(ItemRecord& record, const ItemRecord* heir);
  bool drop_unproven(KnownItem& item, Presence presence);
  void check_at(Time when);
  std::uint64_t key(const ItemRecord& record) const;

  const DeviceSnapshot& snapshot_;
  const ChannelSnapshot& channel_;
  std::vector<KnownItem>& items_;
  ListState& list_;
  const PassContext& context_;
  Plan& plan_;
  std::optional<Evidence> newer_;
  std::optional<std::string> new_list_;
  std::vector<OpenCommand> open_;  ///< Of this channel.
  bool list_wanted_ = false;
  std::optional<Time> next_check_;
};

inline bool wants_presence(const ItemRecord& record) { return record.intent == RecordIntent::present; }

}  // namespace mooring::reconciler
