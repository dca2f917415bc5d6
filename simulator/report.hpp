// SPDX-License-Identifier: Apache-2.0
// Internal to simulator/: the parts of a report.
#pragma once

#include <cstdint>
#include <string>

#include "base/plist/value.hpp"

namespace mooring::simulator {

inline plist::Dict acknowledged() { return {{"Status", "Acknowledged"}}; }

inline plist::Dict failed(const char* status, std::int64_t code, const char* domain,
                          const std::string& text) {
  const plist::Dict link{{"ErrorCode", code},
                         {"ErrorDomain", domain},
                         {"LocalizedDescription", text},
                         {"USEnglishDescription", text}};
  return {{"Status", status}, {"ErrorChain", plist::Array{link}}};
}

}  // namespace mooring::simulator
