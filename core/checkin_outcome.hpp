// SPDX-License-Identifier: Apache-2.0
// What became of a check-in, and what its sender is answered.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mooring::core {

inline constexpr std::string_view kPlistContent = "text/xml; charset=utf-8";
inline constexpr std::string_view kJsonContent = "application/json";

struct CheckinOutcome {
  std::int64_t enrollment = 0;  ///< 0 where no such channel is known.
  int tally = 0;                ///< TokenUpdates since the last Authenticate.
  std::string reply;            ///< Empty, or a document.
  std::string_view content_type = kPlistContent;
  int status = 200;
};

}  // namespace mooring::core
