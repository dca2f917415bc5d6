// SPDX-License-Identifier: Apache-2.0
// Groups of devices: members named one by one, or by an expression over what is known of a device. Which
// devices are in one is found by the passes (reconciler/membership.hpp); here is what people declare.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"
#include "base/result.hpp"

namespace mooring::director {

struct Group {
  std::int32_t id = 0;
  std::string name;
  std::int32_t priority = 0;              ///< The higher goes first where groups disagree.
  std::optional<std::string> expression;  ///< nullopt: members are named.
  Time created_at;
  Time updated_at;
};

struct GroupDeclaration {
  std::string name;
  std::int32_t priority = 0;
  std::optional<std::string> expression;
  std::optional<std::vector<std::string>> members;  ///< All of them; nullopt leaves them as they are.
};

struct PutGroup {
  Group group;
  bool created = false;
  bool changed = false;
};

/// Errors: group.bad_name, group.two_ways, group.bad_member, those of Expression::parse.
Result<PutGroup> put_group(pg::Connection& connection, const GroupDeclaration& declaration, Time now);
/// By name, after `after`.
std::vector<Group> list_groups(pg::Connection& connection, std::string_view after, int limit);
/// group.unknown
Result<Group> find_group(pg::Connection& connection, std::string_view name);
/// group.unknown, group.in_use.
Result<> delete_group(pg::Connection& connection, std::string_view name, Time now);

/// How many names came and went. Errors: group.unknown, group.not_static, group.bad_member.
struct MemberChange {
  std::int64_t added = 0;
  std::int64_t removed = 0;
};
Result<MemberChange> change_members(pg::Connection& connection, std::string_view group,
                                    std::span<const std::string> add, std::span<const std::string> remove,
                                    Time now);
/// UDIDs and serial numbers as they were named, after `after`.
std::vector<std::string> list_member_names(pg::Connection& connection, std::int32_t group,
                                           std::string_view after, int limit);

/// How many devices the passes found to be members, and of how many they cannot tell.
struct MemberCounts {
  std::int64_t members = 0;
  std::int64_t unknown = 0;
};
MemberCounts count_members(pg::Connection& connection, std::int32_t group);

struct MemberDevice {
  std::int64_t device = 0;
  std::string udid;
  std::optional<std::string> serial_number;
  bool known = true;  ///< false: nothing can be said yet.
  Time since;
};
std::vector<MemberDevice> list_members(pg::Connection& connection, std::int32_t group, std::int64_t after,
                                       int limit);

struct DeviceGroup {
  std::string name;
  bool known = true;
  Time since;
};
std::vector<DeviceGroup> groups_of_device(pg::Connection& connection, std::int64_t device);

std::vector<std::string> tags_of_device(pg::Connection& connection, std::int64_t device);
/// Replaces all; false where they were so already. device.bad_tag.
Result<bool> put_tags(pg::Connection& connection, std::int64_t device, std::vector<std::string> tags,
                      Time now);

}  // namespace mooring::director
