// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace mooring {

/// A file compiled into the binary (cmake/embed.cmake).
struct EmbeddedFile {
  std::string_view name;
  std::string_view content;
};

}  // namespace mooring
