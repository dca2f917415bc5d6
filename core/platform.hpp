// SPDX-License-Identifier: Apache-2.0
// Which of Apple's platforms a device belongs to. Pure.
#pragma once

#include <string_view>

#include "schema/key.hpp"

namespace mooring::core {

/// From what a device calls itself: ProductName ("Mac14,7", "iPhone14,5"), Model or ModelName ("MacBook
/// Pro"). Unknown where the name says nothing.
schema::Platform platform_of(std::string_view name);

}  // namespace mooring::core
