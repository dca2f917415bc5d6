// SPDX-License-Identifier: Apache-2.0
// Evidence from outside against what a device should hold. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/snapshot.hpp"

namespace mooring::reconciler {

struct ReportedProfile {
  std::string identifier;  ///< Empty where the reporter does not know it.
  std::string uuid;        ///< PayloadUUID, upper case.
};

enum class OutsideProblem : std::uint8_t {
  missing,        ///< Declared, and the reporter, who names all profiles, does not name it.
  other_version,  ///< Something else is in its place.
  unexpected,     ///< It should not be there.
};
std::string_view name_of(OutsideProblem problem);

struct OutsideFinding {
  std::int32_t item = 0;
  OutsideProblem problem = OutsideProblem::missing;
  std::string identifier;
  std::string declared_uuid;  ///< Empty where it should not be there.
  std::string reported_uuid;  ///< Empty where nothing is.
};

struct OutsideJudgement {
  std::vector<OutsideFinding> findings;
  bool contradicts = false;  ///< The device's own list said something else: worth another look.
};

/// `complete`: the reporter names all profiles of the device. What is held says nothing.
OutsideJudgement judge(const DeviceSnapshot& snapshot, const std::vector<ReportedProfile>& reported,
                       bool complete);

}  // namespace mooring::reconciler
