// SPDX-License-Identifier: Apache-2.0
// How fast profiles go out that make every device ask an authority for a certificate: turns, which all
// servers of a database share. Used inside a pass's transaction; throws pg::SqlError.
#pragma once

#include <cstdint>
#include <map>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"

namespace mooring::reconciler {

class CertificateTurns {
 public:
  /// `per_minute` of one item; greater than 0.
  /// `only_looks`: nothing is locked, and store() must not be called.
  CertificateTurns(pg::Connection& connection, std::int64_t per_minute, Time now, bool only_looks = false)
      : connection_(connection),
        interval_(Duration(std::chrono::minutes(1)) / per_minute),
        now_(now),
        only_looks_(only_looks) {}

  /// When the next device may have this version: now or later. Nobody else gets that turn. The turns of an
  /// item's older version are void.
  Time take(std::int32_t item, std::int32_t version);
  /// Before the transaction ends.
  void store();

 private:
  struct Next {
    std::int32_t version = 0;
    Time at;
  };
  Next& next_of(std::int32_t item);

  pg::Connection& connection_;
  Duration interval_;
  Time now_;
  bool only_looks_;
  std::map<std::int32_t, Next> next_;
};

}  // namespace mooring::reconciler
