// SPDX-License-Identifier: Apache-2.0
#include "base/postgres/lease.hpp"

namespace mooring::pg {
namespace {

// Two 32-bit numbers are a space apart from the single 64-bit ones that lock devices.
constexpr Statement kTryLease{"lease_try", "select pg_try_advisory_xact_lock(7309, hashtext($1))"};

}  // namespace

bool try_lease(Connection& connection, std::string_view job) {
  return connection.exec(kTryLease, job)[0].get<bool>(0);
}

}  // namespace mooring::pg
