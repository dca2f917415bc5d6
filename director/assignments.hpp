// SPDX-License-Identifier: Apache-2.0
// Which item belongs on which devices. For one item a device's own assignment goes before those of its groups
// (by priority), and these before one for all, `absent` included; of two items with one slot the same order
// decides.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"
#include "base/result.hpp"

namespace mooring::director {

/// assignments.scope, narrower is larger. Numbers are stored.
enum class ScopeKind : std::int16_t { all = 0, group = 1, device = 2 };
/// assignments.intent.
enum class Intent : std::int16_t { absent = 0, present = 1 };

struct Scope {
  ScopeKind kind = ScopeKind::all;
  std::string ref;  ///< Name of a group; UDID or serial number of a device.
  std::string text() const;
  /// "all", "group:NAME" or "device:ID"; scope.malformed otherwise.
  static Result<Scope> parse(std::string_view text);
};

/// Narrows a scope down: all parts have to hold. Names are those of groups.
struct Filters {
  std::int16_t percent = 100;  ///< Of the devices, always the same ones for an item; more keeps those.
  std::vector<std::string> include_any;  ///< In one of them, where there are any.
  std::vector<std::string> include_all;
  std::vector<std::string> exclude;  ///< In none of them.
  bool operator==(const Filters&) const = default;
};

struct Assignment {
  std::int32_t id = 0;
  std::string item_name;
  Scope scope;
  Intent intent = Intent::present;
  Time created_at;
  Filters filters;
};

struct PutAssignment {
  Assignment assignment;
  bool created = false;
  bool changed = false;
};

/// One assignment for each item and scope: a second one replaces intent and filters. Errors: profile.unknown,
/// group.unknown, assignment.bad_percent, assignment.too_many_filters; assignment.slot_taken where another
/// item with the same slot is present in the same scope already, and neither has filters.
Result<PutAssignment> put_assignment(pg::Connection& connection, const std::string& item_name,
                                     const Scope& scope, Intent intent, Time now, Filters filters = {});
std::vector<Assignment> list_assignments(pg::Connection& connection, std::int32_t after, int limit);
std::optional<Assignment> find_assignment(pg::Connection& connection, std::int32_t id);
bool delete_assignment(pg::Connection& connection, std::int32_t id, Time now);

/// Brings a pass over the whole fleet.
void move_generation(pg::Connection& connection, Time now);

/// After a change of an item: moves the generation where it is assigned to all or to a group, marks the
/// devices that have it by name. Commands planned before are held back until a pass has seen the change.
void touch_holders(pg::Connection& connection, std::int32_t item, Time now);

/// Asks for everything of one item again, wherever it is declared; false where it is unknown.
bool repush_item(pg::Connection& connection, std::string_view name, Time now);

}  // namespace mooring::director
