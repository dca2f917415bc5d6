// SPDX-License-Identifier: Apache-2.0
// What happened, for people: append-only. Commands tell the rest, so that nothing is written twice.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"
#include "core/command.hpp"

namespace mooring::director {

/// item_history.kind. Numbers are stored: never reuse one.
enum class HistoryKind : std::int16_t {
  state = 1,      ///< An item came into a state that a person would ask about.
  asked = 2,      ///< Somebody asked for it again.
  removed = 3,    ///< The device's own list proves that it is gone, and nobody declares it.
  forgotten = 4,  ///< The device enrolled anew, or left: what was believed of it is void.
};
std::string_view name_of(HistoryKind kind);

/// Something that a person declared.
struct DeclaredChange {
  std::string_view action;  ///< Such as "profile.declared".
  std::optional<std::int32_t> item = {};
  std::optional<std::int32_t> version = {};
  std::string_view scope = {};             ///< Empty where it has none.
  std::optional<std::string> detail = {};  ///< JSON.
};
void log_change(pg::Connection& connection, std::string_view actor, const DeclaredChange& change, Time now);

struct LoggedChange {
  std::int64_t id = 0;
  Time at;
  std::string actor;
  std::string action;
  std::optional<std::string> item_name;
  std::optional<std::string> payload_uuid;
  std::optional<std::string> scope;
  std::optional<std::string> detail;  ///< JSON.
};
/// Newest first, those before `before` (0: all). `item_name`: of the items that have or had this name.
std::vector<LoggedChange> list_changes(pg::Connection& connection,
                                       const std::optional<std::string>& item_name, std::int64_t before,
                                       int limit);

/// That something was asked for on devices; item kAllItems: everything.
void note_asked(pg::Connection& connection, std::span<const std::int64_t> devices, std::int32_t item,
                std::string_view what, std::string_view actor, Time now);

/// Where an entry comes from; of those of one moment the smaller came first.
enum class HistorySource : std::int16_t {
  declared = 0,
  cause = 1,  ///< Of the item: drift, or a wish.
  queued = 2,
  answered = 3,
  outcome = 4,  ///< Of the item: everything else.
};

/// One line of the history of one item on one device.
struct HistoryEntry {
  Time at;
  HistorySource source = HistorySource::outcome;
  std::string key;                         ///< Among those of one source and time.
  HistoryKind kind = HistoryKind::state;   ///< Of the item.
  std::optional<std::int16_t> from_state;  ///< Of the item: reconciler::ItemState.
  std::optional<std::int16_t> to_state;
  std::int16_t reason_code = 0;               ///< Of the item: reconciler::Reason.
  std::optional<core::CommandStatus> status;  ///< Of `queued` and `answered`.
  std::optional<std::string> command_uuid;    ///< As text.
  std::optional<std::string> payload_uuid;    ///< Of the version that it is about.
  std::optional<std::string> actor;
  std::optional<std::string> what;  ///< RequestType, or the action that was declared.
  std::optional<std::string> scope;
  std::optional<std::string> detail;
};

/// A place between two entries; at first before all of them.
struct HistoryPosition {
  std::optional<Time> at;
  std::int16_t source = 0;
  std::string key;
};

/// Newest first. `items`: all that have or had the name.
std::vector<HistoryEntry> history_of(pg::Connection& connection, std::int64_t device,
                                     std::span<const std::int32_t> items, const HistoryPosition& after,
                                     int limit);
/// Items that have or had this name, deleted ones included.
std::vector<std::int32_t> items_ever_named(pg::Connection& connection, std::string_view name);

/// At most `batch` rows that are older; returns how many went.
std::int64_t prune_history(pg::Connection& connection, Time older_than, std::int64_t batch);

}  // namespace mooring::director
