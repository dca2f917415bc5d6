// SPDX-License-Identifier: Apache-2.0
#include "app/event_setup.hpp"

namespace mooring::app {

core::KeepBodies keep_bodies(const Options& options) {
  const auto& keep = options.text("event-bodies");
  if (keep == "off") return core::KeepBodies::off;
  return keep == "on" ? core::KeepBodies::on : core::KeepBodies::automatic;
}

core::OutboxOptions outbox_options(const Options& options, pg::ConnectOptions connect) {
  return {.connect = std::move(connect),
          .delivery = {.retry_base = options.duration("webhook-retry-base"),
                       .retry_max = options.duration("webhook-retry-max"),
                       .attempts = static_cast<int>(options.integer("webhook-attempts")),
                       .parallel = static_cast<int>(options.integer("webhook-parallel"))},
          .timeout = options.duration("webhook-timeout"),
          .poll = options.duration("event-poll")};
}

}  // namespace mooring::app
