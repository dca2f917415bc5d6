// SPDX-License-Identifier: Apache-2.0
#include "api/detail/item_view.hpp"

#include <algorithm>

namespace mooring::api::detail {
namespace {

using reconciler::ChannelSnapshot;
using reconciler::DeviceSnapshot;
using reconciler::ItemRecord;
using reconciler::ItemState;
using reconciler::RecordIntent;

constexpr std::string_view kNotEnrolled = "the device is not enrolled: nothing can be sent to it";
constexpr std::string_view kNoPassYet = "declared; the next pass over this device looks at it";

RecordIntent intent_of(const reconciler::Desired& desired) {
  return desired.intent == director::Intent::present ? RecordIntent::present : RecordIntent::absent;
}

std::string_view reason_of_state(ItemState state) {
  switch (state) {
    case ItemState::pending:
      return "the next pass over this device decides what to send";
    case ItemState::commanded:
      return "a command is queued or being worked on";
    case ItemState::acknowledged:
      return "acknowledged; waiting for the device's own list to show it";
    case ItemState::backing_off:
      return "refused or without effect; it is tried again later";
    case ItemState::failed:
      return "given up: waits for a new version or a re-push";
    case ItemState::quarantined:
      return "lost again and again: waits for a new version or a re-push";
    case ItemState::waiting:
      return "something declared keeps it from being sent";
    case ItemState::verified:
      break;
  }
  return {};
}

/// The record's own words where it still speaks of what is declared now.
void describe_state(ItemView& view, const DeviceSnapshot& snapshot, bool is_current) {
  if (!is_current || !snapshot.row.enabled) {
    view.state = ItemState::pending;
    view.reason = snapshot.row.enabled ? kNoPassYet : kNotEnrolled;
    return;
  }
  view.state = view.record->state;
  if (view.state == ItemState::verified && view.intent != RecordIntent::ended) return;
  view.reason = reconciler::sentence_of(view.record->reason, view.record->detail);
  if (view.reason.empty()) view.reason = reason_of_state(view.state);
}

void add_evidence(ItemView& view, const DeviceSnapshot& snapshot, const ChannelSnapshot& channel) {
  view.user = channel.user;
  view.list_at = channel.list.at;
  if (channel.evidence.profiles) {
    const auto* observed = channel.evidence.profiles->find(view.identifier);
    if (observed != nullptr) view.observed_uuid = observed->uuid;
  }
  const auto open = std::ranges::find_if(snapshot.open, [&](const reconciler::OpenCommand& command) {
    return command.item == view.item && command.channel == channel.channel;
  });
  if (open != snapshot.open.end()) view.command = &*open;
}

const ItemRecord* find_record(const ChannelSnapshot& channel, std::int32_t item) {
  const auto found = std::ranges::find(channel.items, item,
                                       [](const reconciler::KnownItem& known) { return known.record.item; });
  return found == channel.items.end() ? nullptr : &found->record;
}

/// As it is declared, before anything is said of how far it has come.
ItemView view_declared(const reconciler::Desired& desired) {
  ItemView view{.item = desired.facts.item, .kind = desired.facts.kind, .identifier = desired.facts.slot};
  view.intent = intent_of(desired);
  view.scope = desired.scope;
  if (view.intent == RecordIntent::present) view.desired_uuid = desired.facts.identity;
  return view;
}

ItemView view_desired(const DeviceSnapshot& snapshot, const ChannelSnapshot& channel,
                      const reconciler::Desired& desired) {
  auto view = view_declared(desired);
  view.record = find_record(channel, view.item);
  const bool is_current = view.record != nullptr && view.record->version == desired.facts.version &&
                          view.record->intent == view.intent && view.record->repush == desired.repush;
  if (desired.held() && snapshot.row.enabled) {
    view.state = view.record == nullptr ? ItemState::waiting : view.record->state;
    view.reason = reconciler::text_of(reconciler::Reason::unknown_fact);
  } else {
    describe_state(view, snapshot, is_current);
  }
  add_evidence(view, snapshot, channel);
  return view;
}

/// It is for users, and the device has none.
ItemView view_without_user(const DeviceSnapshot& snapshot, const reconciler::Desired& desired) {
  auto view = view_declared(desired);
  view.state = ItemState::waiting;
  view.reason =
      snapshot.row.enabled ? reconciler::text_of(reconciler::Reason::no_user_channel) : kNotEnrolled;
  return view;
}

ItemView view_ended(const DeviceSnapshot& snapshot, const ChannelSnapshot& channel,
                    const reconciler::KnownItem& known) {
  ItemView view{.item = known.record.item, .kind = known.facts->kind, .identifier = known.facts->slot};
  view.intent = RecordIntent::ended;
  view.record = &known.record;
  describe_state(view, snapshot, known.record.intent == RecordIntent::ended);
  if (known.record.intent != RecordIntent::ended && snapshot.row.enabled) {
    view.reason = "no longer declared; the next pass over this device decides what to remove";
  }
  add_evidence(view, snapshot, channel);
  return view;
}

std::vector<const ChannelSnapshot*> channels_of(const DeviceSnapshot& snapshot) {
  std::vector<const ChannelSnapshot*> channels{&snapshot.own};
  for (const auto& user : snapshot.users) {
    if (user.enabled) channels.push_back(&user);
  }
  return channels;
}

bool takes(const ChannelSnapshot& channel, const reconciler::ItemFacts& facts) {
  return facts.for_users == (channel.channel != reconciler::kOwnChannel);
}

bool is_declared(const DeviceSnapshot& snapshot, const ChannelSnapshot& channel, std::int32_t item) {
  return snapshot.desired && std::ranges::any_of(*snapshot.desired, [&](const reconciler::Desired& desired) {
           return desired.facts.item == item && takes(channel, desired.facts);
         });
}

}  // namespace

std::string_view name_of(RecordIntent intent) {
  switch (intent) {
    case RecordIntent::ended:
      return "ended";
    case RecordIntent::absent:
      return "absent";
    case RecordIntent::present:
      return "present";
  }
  return "unknown";
}

std::string_view name_of(director::ScopeKind scope) {
  switch (scope) {
    case director::ScopeKind::all:
      break;
    case director::ScopeKind::group:
      return "group";
    case director::ScopeKind::device:
      return "device";
  }
  return "all";
}

std::vector<ItemView> view_items(const DeviceSnapshot& snapshot) {
  std::vector<ItemView> views;
  const auto channels = channels_of(snapshot);
  for (const auto& desired : snapshot.desired ? *snapshot.desired : std::vector<reconciler::Desired>{}) {
    const auto before = views.size();
    for (const auto* channel : channels) {
      if (takes(*channel, desired.facts)) views.push_back(view_desired(snapshot, *channel, desired));
    }
    if (views.size() == before) views.push_back(view_without_user(snapshot, desired));
  }
  for (const auto* channel : channels) {
    for (const auto& known : channel->items) {
      if (!is_declared(snapshot, *channel, known.record.item))
        views.push_back(view_ended(snapshot, *channel, known));
    }
  }
  return views;
}

}  // namespace mooring::api::detail
