// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "base/options.hpp"

namespace mooring::app {

/// Every option of `mooring serve`: flags, MOORING_* variables, configuration file, --help and
/// docs/configuration.md come from here.
std::span<const OptionSpec> serve_options();

/// What the types of the options do not say: counts must be at least 1, and not absurd.
Result<> check_ranges(const Options& options);

}  // namespace mooring::app
