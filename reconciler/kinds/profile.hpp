// SPDX-License-Identifier: Apache-2.0
// Profiles: observed by ProfileList, compared by PayloadIdentifier and PayloadUUID, installed by
// InstallProfile, removed by RemoveProfile.
#pragma once

#include "reconciler/kinds/kind.hpp"

namespace mooring::reconciler {

extern const Kind kProfileKind;

}  // namespace mooring::reconciler
