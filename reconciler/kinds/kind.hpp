// SPDX-License-Identifier: Apache-2.0
// What a kind of item has to say for itself. A new kind is one file pair here, its storage in director/, and
// one line in kinds.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "director/observed_profiles.hpp"
#include "reconciler/desired.hpp"

namespace mooring::reconciler {

/// What the device's own lists say, as far as they were ever read.
struct Evidence {
  std::optional<director::ObservedProfiles> profiles;
};

enum class Presence : std::uint8_t {
  unknown,  ///< The list that would say was never read.
  absent,
  exact,      ///< The very version that is asked about.
  different,  ///< The slot holds something else: another version, or a stranger's.
};

struct Kind {
  director::ItemKind number;
  Presence (*observe)(const Evidence& evidence, const ItemFacts& facts);
  /// Identity of whatever the slot holds; empty where nothing does.
  std::string_view (*held)(const Evidence& evidence, const ItemFacts& facts);
  std::string_view install_request_type;
  std::string_view remove_request_type;
};

const Kind& kind_of(director::ItemKind kind);

}  // namespace mooring::reconciler
