// SPDX-License-Identifier: Apache-2.0
// What others than the device say that it holds: an inventory agent, a script. It proves nothing and removes
// nothing; where it contradicts what is believed, the device itself is asked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/postgres/connection.hpp"

namespace mooring::director {

struct OutsideEvidence {
  std::string source;
  Time at;
  std::string content;  ///< JSON as it was posted.
};

/// The last of each source stays.
void put_outside_evidence(pg::Connection& connection, std::int64_t device, std::string_view source,
                          std::string_view content, Time now);
/// By source.
std::vector<OutsideEvidence> outside_evidence_of(pg::Connection& connection, std::int64_t device);
/// True where the device may be asked because of evidence: not within the last ten minutes; and notes that it
/// was.
bool take_question(pg::Connection& connection, std::int64_t device, Time now);

}  // namespace mooring::director
