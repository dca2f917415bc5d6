// SPDX-License-Identifier: Apache-2.0
// What a fuzz target says of its finds.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace mooring::fuzz {

/// Ends the run, so that the fuzzer keeps the input.
inline void require(bool condition, const char* broken_rule) {
  if (condition) return;
  std::fprintf(stderr, "broken: %s\n", broken_rule);
  std::abort();
}

}  // namespace mooring::fuzz
