// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "base/embedded_file.hpp"

namespace mooring::core::migrations {

/// The files of migrations/, compiled in.
std::span<const EmbeddedFile> embedded_files();

}  // namespace mooring::core::migrations
