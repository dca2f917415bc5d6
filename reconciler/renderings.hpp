// SPDX-License-Identifier: Apache-2.0
// What profiles with variables are on each device: which values fill them in, and the identity that follows.
// The values themselves go into the content when the device fetches it (director/renderer.hpp).
#pragma once

#include <span>

#include "reconciler/declarations.hpp"
#include "reconciler/snapshot.hpp"

namespace mooring::reconciler {

/// Devices that should hold such profiles get a list of their own of what they should hold, with the
/// identity, rendering or missing value of each. One or two statements for any number of devices, none where
/// there is no such profile. Whether there is one.
bool render_desired(pg::Connection& connection, const DeclarationSet& declared,
                    std::span<DeviceSnapshot> snapshots);

/// Of one device: `facts` as it is for all, `values` of its variables.
ItemFacts rendered(ItemFacts facts, const director::VariableValues& values);

}  // namespace mooring::reconciler
