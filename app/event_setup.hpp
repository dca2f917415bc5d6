// SPDX-License-Identifier: Apache-2.0
// What the options say about events and webhooks.
#pragma once

#include "base/options.hpp"
#include "core/event_interest.hpp"
#include "core/outbox/outbox.hpp"

namespace mooring::app {

core::KeepBodies keep_bodies(const Options& options);
core::OutboxOptions outbox_options(const Options& options, pg::ConnectOptions connect);

}  // namespace mooring::app
