// SPDX-License-Identifier: Apache-2.0
// What devices hold that Mooring knows nothing of, over the fleet. Counted by the passes that read the lists;
// nobody touches it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/postgres/connection.hpp"

namespace mooring::director {

struct ForeignProfile {
  std::string identifier;
  std::int64_t devices = 0;
};
/// By identifier, those after `after`: what the devices' lists show and no profile here has, or had, as its
/// PayloadIdentifier. `known`: identifiers that are Mooring's own for another reason.
std::vector<ForeignProfile> foreign_profiles(pg::Connection& connection, std::span<const std::string> known,
                                             std::string_view after, int limit);

struct Holder {
  std::int64_t device = 0;
  std::string udid;
  std::optional<std::string> serial_number;
  std::string payload_uuid;
  std::string display_name;
};
/// In the order of the devices' numbers, those after `after`.
std::vector<Holder> holders_of(pg::Connection& connection, std::string_view identifier, std::int64_t after,
                               int limit);

}  // namespace mooring::director
