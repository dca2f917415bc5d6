// SPDX-License-Identifier: Apache-2.0
// A converged fleet, written into the database as the server would have left it: enrolled devices whose own
// lists prove every declared profile. The history of how they got there (events, results) is left out.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"

namespace mooring::bench {

/// A .mobileconfig of about `size` bytes; `value` makes its content differ.
std::string mobileconfig(int number, const std::string& value, std::size_t size);

/// Declares `profiles` profiles for all devices: p1, p2, ... of about 4 KiB.
void declare_profiles(pg::Connection& connection, int profiles, Time now);

/// Another version of one profile, as an administrator's upload stores it.
void upload(pg::Connection& connection, int number, const std::string& value, Time now);

/// `devices` devices that hold all that is declared. Their tables are vacuumed and analyzed afterwards.
void make_converged_fleet(pg::Connection& connection, int devices, Time now);

/// Enabled enrollments and nothing more: E1, E2, ... as targets of commands.
void make_bare_enrollments(pg::Connection& connection, int devices);

/// Until no device waits for a pass.
void wait_until_quiet(pg::Connection& connection);

std::int64_t number(pg::Connection& connection, const std::string& sql);

}  // namespace mooring::bench
