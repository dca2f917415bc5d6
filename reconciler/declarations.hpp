// SPDX-License-Identifier: Apache-2.0
// What is declared for the fleet, read once for each generation and kept by whoever makes passes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/postgres/connection.hpp"
#include "director/variables.hpp"
#include "reconciler/membership.hpp"
#include "reconciler/restraints.hpp"
#include "reconciler/scope.hpp"

namespace mooring::reconciler {

using ResolvedDesired = std::shared_ptr<const std::vector<Desired>>;

/// Immutable.
struct DeclarationSet {
  std::int64_t generation = 0;
  std::vector<Candidate> shared;  ///< Assignments to all and to groups, as declared.
  bool conditional = false;       ///< Some of them do not apply to every device.
  bool for_users = false;         ///< Some of them are of items for users.
  ResolvedDesired
      shared_resolved;      ///< What a device without assignments of its own should hold, unless conditional.
  std::string shared_hash;  ///< hash_of(*shared_resolved)
  GroupSet groups;
  director::VariableValues secrets;  ///< By variable: revisions, which stand for the values.
};

/// One thread's. Whatever a set holds must move the generation when it changes.
class Declarations {
 public:
  /// Inside the transaction of a pass, and first: what is declared while the pass reads moves the generation
  /// again and brings another pass.
  std::shared_ptr<const DeclarationSet> at(pg::Connection& connection);
  /// Of the generation that at() found last. How far zones are from UTC is asked again every ten minutes.
  std::shared_ptr<const Restraints> restraints(pg::Connection& connection, Time now);

 private:
  std::shared_ptr<const DeclarationSet> set_;
  std::shared_ptr<const Restraints> restraints_;
  std::int64_t restraints_generation_ = 0;
  Time restraints_at_;
};

/// By device: assignments to it alone. They move no generation, so they are read in each pass.
std::unordered_map<std::int64_t, std::vector<Candidate>> load_own(pg::Connection& connection,
                                                                  std::span<const std::int64_t> devices,
                                                                  const DeclarationSet& set);

/// By version.
std::unordered_map<std::int32_t, std::shared_ptr<const ItemFacts>> load_facts(
    pg::Connection& connection, std::span<const std::int32_t> versions);

/// By item: the identities of all its versions.
std::unordered_map<std::int32_t, std::shared_ptr<const std::vector<std::string>>> load_identities(
    pg::Connection& connection, std::span<const std::int32_t> items);

}  // namespace mooring::reconciler
