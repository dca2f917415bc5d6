// SPDX-License-Identifier: Apache-2.0
#include "reconciler/policy.hpp"

#include <algorithm>

namespace mooring::reconciler {
namespace {

/// A well-spread value in [-1, 1] from a key (the finalizer of splitmix64).
double spread(std::uint64_t key) {
  key += 0x9E3779B97F4A7C15U;
  key = (key ^ (key >> 30U)) * 0xBF58476D1CE4E5B9U;
  key = (key ^ (key >> 27U)) * 0x94D049BB133111EBU;
  key ^= key >> 31U;
  return static_cast<double>(key >> 11U) * 0x1.0p-52 - 1.0;
}

Duration scaled(Duration interval, double factor) {
  return Duration{static_cast<std::int64_t>(static_cast<double>(interval.count()) * factor)};
}

}  // namespace

Duration backoff(Duration base, Duration max, int n, std::uint64_t key) {
  Duration wait = base;
  for (int i = 1; i < n && wait < max; ++i) wait *= 4;
  return scaled(std::min(wait, max), 1.0 + 0.2 * spread(key));
}

Duration jittered(Duration interval, std::uint64_t key) { return scaled(interval, 1.0 + 0.1 * spread(key)); }

}  // namespace mooring::reconciler
