// SPDX-License-Identifier: Apache-2.0
// What must be so. A package adds a function to checks.cpp (stored), or a file of its own and a line in
// run_story.
#pragma once

#include "tests/model/model_world.hpp"

namespace mooring::test {

/// Faults off, devices within reach, three simulated days: first two on their own, then one after a person
/// has asked for everything again, so that what was rightly given up comes back too.
void quieten(ModelWorld& world);

/// Between any two transactions: totals equal a recount, and nothing was sent more often than there was cause
/// for.
void check_always(ModelWorld& world);
/// After the quiet: every device holds what is declared and nothing else of ours, all is proven, no inbox
/// holds a rest.
void check_converged(ModelWorld& world, bool given_up_is_fine);

/// What the database holds at the end, in words that do not depend on which process wrote them.
std::string digest_of(ModelWorld& world);

}  // namespace mooring::test
