// SPDX-License-Identifier: Apache-2.0
// What a pass would do now, without doing it: the same load and the same plan, and nothing is taken, sent or
// stored.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "reconciler/declarations.hpp"
#include "reconciler/plan.hpp"

namespace mooring::reconciler {

struct Preview {
  DeviceSnapshot snapshot;
  Plan plan;
};

/// By device, of those that ever enrolled. `context`: as the reconciler has it (Reconciler::context); what
/// depends on what is declared is filled in here.
std::vector<Preview> preview(pg::Connection& connection, Declarations& declarations,
                             std::span<const std::int64_t> devices, PassContext context);
std::optional<Preview> preview(pg::Connection& connection, std::int64_t device, PassContext context);

/// What a planned command is for.
enum class Purpose : std::uint8_t {
  ask,      ///< For a list.
  install,  ///< Mooring has nothing of the item there yet, or sends it again.
  replace,  ///< Another version is there.
  remove,
};
std::string_view name_of(Purpose purpose);
Purpose purpose_of(const Plan& plan, const PlannedCommand& command);

}  // namespace mooring::reconciler
