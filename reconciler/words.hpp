// SPDX-License-Identifier: Apache-2.0
// States in sentences, for people. Reasons: see reason.hpp.
#pragma once

#include <string_view>

#include "reconciler/item_state.hpp"

namespace mooring::reconciler {

/// What it means that an item is in this state.
std::string_view meaning_of(ItemState state, RecordIntent intent);
/// What brings it on from there.
std::string_view next_step_of(ItemState state);

}  // namespace mooring::reconciler
