// SPDX-License-Identifier: Apache-2.0
// Jitter and simulated behaviour: seedable, so that a run repeats exactly. Never for secrets (base/crypto).
#pragma once

#include <cstdint>
#include <random>

namespace mooring {

/// Not safe to share between threads: each user owns one.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t next() { return engine_(); }
  /// Uniform in [0, 1).
  double unit() { return static_cast<double>(engine_() >> 11U) * 0x1.0p-53; }
  bool chance(double probability) { return unit() < probability; }
  /// Uniform in [0, bound); bound must not be 0.
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace mooring
