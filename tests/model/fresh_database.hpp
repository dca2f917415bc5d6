// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/test_database.hpp"

namespace mooring::test {

/// A database as after the migrations, for one story at a time. It is emptied between stories: to make one is
/// what a story would otherwise take longest for.
TestDatabase& fresh_database();

}  // namespace mooring::test
