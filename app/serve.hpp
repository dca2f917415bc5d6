// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/options.hpp"

namespace mooring::app {

/// Runs the server until SIGTERM or SIGINT; returns the exit status.
int serve(const Options& options);

}  // namespace mooring::app
