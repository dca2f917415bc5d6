// SPDX-License-Identifier: Apache-2.0
// From assignments to what one device should hold. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/crypto/crypto.hpp"
#include "director/assignments.hpp"
#include "director/profiles.hpp"
#include "director/truth.hpp"

namespace mooring::reconciler {

/// What is known of an item apart from any device: enough to observe, install and remove it.
struct ItemFacts {
  std::int32_t item = 0;
  director::ItemKind kind = director::ItemKind::profile;
  std::string slot;
  std::int32_t version = 0;
  std::string identity;  ///< What the device's list shows for this version, as it shows it.
  std::int32_t install_payload = 0;
  std::int32_t remove_payload = 0;
  bool asks_for_certificate = false;        ///< Installing it makes the device ask an authority.
  bool for_users = false;                   ///< It belongs on the channels of users, not on the device's.
  std::vector<std::string> variables = {};  ///< What its content is filled in with; none: the same for all.
  std::int64_t secrets = 0;                 ///< Changes with the secrets among them.
  // Of one device, where there are variables (renderings.hpp); `identity` is then the device's own:
  std::optional<std::int64_t> rendering = std::nullopt;  ///< Hash of the values; nullopt: one is missing.
  std::string missing = {};                              ///< Which.
};

struct Desired {
  ItemFacts facts;
  director::Intent intent = director::Intent::present;
  director::ScopeKind scope = director::ScopeKind::all;
  std::int32_t repush = 0;
  Time declared_at;           ///< The later of version and assignment.
  std::int32_t group = 0;     ///< Where the scope is one.
  std::int32_t priority = 0;  ///< Of that group.
  /// Whether it applies to the device. What is `unknown` after resolve() is held: left as it is.
  director::Truth applies = director::Truth::yes;

  bool held() const { return applies == director::Truth::unknown; }
};

/// Precedence: device, then groups by priority (of one priority: the older group), then all. For one item the
/// first that applies decides; where one before it may apply, or not, the item is held. Of several present
/// items with one slot the first by the same order stays (within one scope the one declared last); where that
/// one is held, so are all items of the slot. An absent item yields to a present one with its slot. Sorted by
/// item.
std::vector<Desired> resolve(std::span<const Desired> shared, std::span<const Desired> own);

inline constexpr std::size_t kDesiredHashBytes = 16;
/// Changes whenever a pass over an otherwise unchanged device could come to another result.
std::string hash_of(std::span<const Desired> desired);

}  // namespace mooring::reconciler
