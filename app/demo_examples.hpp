// SPDX-License-Identifier: Apache-2.0
// The profiles that a demo declares. examples/README.md says what the names of the files mean.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace mooring::app {

struct Example {
  std::string name;        ///< Under which it is declared.
  std::string identifier;  ///< PayloadIdentifier.
  std::string content;
};

struct Examples {
  std::vector<Example> shared;    ///< For all devices.
  std::vector<Example> some;      ///< For a few devices.
  std::optional<Example> single;  ///< For one device, before the shared one of the same identifier.
  Example next;                   ///< What the shared profile of that name changes to.
};

/// The files compiled in, or those of `directory`. Errors: demo.examples.
Result<Examples> load_examples(const std::string& directory);

}  // namespace mooring::app
