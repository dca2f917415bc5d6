// SPDX-License-Identifier: Apache-2.0
// The oracle: what the administrator of a story has declared, and what each device should hold because of it.
// Written apart from the product, and small enough to be seen to be right.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/clock.hpp"
#include "tests/model/step.hpp"

namespace mooring::test {

/// What a scope means: `all`, or one device, named by its UDID or by its serial number.
inline constexpr int kAllDevices = -1;

struct DeclaredItem {
  std::int64_t value = 0;
  Time declared_at;        ///< Of its present content.
  std::int64_t order = 0;  ///< Items declared later win what is otherwise equal.
};

struct DeclaredAssignment {
  bool present = true;
  Time at;
};

struct Winner {
  int item = 0;
  std::int64_t value = 0;
  auto operator<=>(const Winner&) const = default;
};

class Declared {
 public:
  explicit Declared(Shape shape) : shape_(shape) {}

  // What the administrator does.
  void declare(int item, std::int64_t value, Time now);
  void remove(int item);
  void assign(int item, int scope, bool present, Time now);
  void unassign(int item, int scope) { assignments_.erase({item, scope}); }

  /// The item comes after the others; each of them has a lower number, so that there are no circles.
  void require(int item, std::set<int> others) { requirements_[item] = std::move(others); }

  bool has(int item) const { return items_.contains(item); }
  bool has_assignment(int item, int scope) const { return assignments_.contains({item, scope}); }
  bool is_assigned(int item) const;
  /// Another item of the same slot is wanted in this scope: the product refuses a second one.
  bool is_taken(int item, int scope) const;
  /// What a device should hold in a slot.
  std::optional<Winner> winner(int device, int slot) const;

  /// Those that have to be on a device before the item is sent to it.
  std::set<int> requirements(int item) const;
  /// An item that is to be on the device in the end: so are all that it requires.
  bool is_reachable(int device, int item) const;
  /// The slots of all that come after an item of this slot, itself included.
  std::set<int> slots_behind(int slot) const;

  int slot_of(int item) const { return item % shape_.slots; }

 private:
  Shape shape_;
  std::map<int, DeclaredItem> items_;
  std::map<std::pair<int, int>, DeclaredAssignment> assignments_;  ///< By item and scope.
  std::map<int, std::set<int>> requirements_;
  std::int64_t made_ = 0;
};

/// The PayloadIdentifier of a slot, and the profile that an item puts there.
std::string identifier_of(int slot);
std::string mobileconfig_of(int item, int slot, std::int64_t value);
/// Which PayloadUUID the product gives that profile.
const std::string& identity_of(int item, int slot, std::int64_t value);

}  // namespace mooring::test
