// SPDX-License-Identifier: Apache-2.0
// What is declared may keep an item from being sent for a while: pauses, windows, other items that come
// first. Each gate is a pure question; the planner asks all of them before each send. A new one is a function
// in gates/, and a line in gates/gates.cpp.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "reconciler/snapshot.hpp"

namespace mooring::reconciler {

struct PassContext;

struct GateInput {
  const DeviceSnapshot& device;
  const ChannelSnapshot& channel;
  const ItemRecord& record;
  const Desired* desired;              ///< nullptr where no assignment names the item any more.
  std::span<const KnownItem> records;  ///< All of the channel, as far as this pass has come.
  const PassContext& context;
};

struct Closed {
  Reason reason = Reason::none;
  std::optional<Time> opens_at;  ///< nullopt: when something changes, which marks the device.
  std::string detail;
};

/// nullopt: open.
using Gate = std::optional<Closed> (*)(const GateInput& input);

/// In the order in which they are asked; the first that is closed decides.
std::span<const Gate> gates();

}  // namespace mooring::reconciler
