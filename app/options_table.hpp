// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "base/options.hpp"

namespace mooring::app {

/// Every option of `mooring serve`: flags, MOORING_* variables, configuration file, --help and
/// docs/configuration.md come from here.
std::span<const OptionSpec> serve_options();

}  // namespace mooring::app
