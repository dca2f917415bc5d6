// SPDX-License-Identifier: Apache-2.0
#include "reconciler/outside.hpp"

#include <algorithm>

#include "director/variables.hpp"

namespace mooring::reconciler {
namespace {

class Judge {
 public:
  Judge(const DeviceSnapshot& snapshot, const std::vector<ReportedProfile>& reported, bool complete)
      : snapshot_(snapshot), reported_(reported), complete_(complete) {}

  void present(const Desired& desired) {
    const auto& facts = desired.facts;
    const auto* record = record_of(facts.item);
    if (by_uuid(facts.identity) != nullptr) {
      // Mooring has given up on it, or waits, and somebody sees it: the device's list may say so, too.
      const bool given_up = record != nullptr &&
                            (record->state == ItemState::failed || record->state == ItemState::quarantined ||
                             record->state == ItemState::backing_off);
      contradict(given_up);
      return;
    }
    const auto* other = by_identifier(facts.slot);
    if (other == nullptr && !complete_) return;
    add(desired.facts, other == nullptr ? OutsideProblem::missing : OutsideProblem::other_version,
        facts.identity, other == nullptr ? std::string() : other->uuid);
    contradict(record != nullptr && record->state == ItemState::verified);
  }

  /// Of what is declared absent, and of what nothing declares any more.
  void absent(const ItemFacts& facts) {
    const auto* known = known_of(facts.item);
    const auto is_ours = [&](const ReportedProfile& reported) {
      const auto is_version = [&](const std::string& identity) {
        return director::is_same_version(identity, reported.uuid);
      };
      return is_version(facts.identity) ||
             (known != nullptr && known->identities && std::ranges::any_of(*known->identities, is_version));
    };
    const auto there = std::ranges::find_if(reported_, is_ours);
    if (there == reported_.end()) return;
    add(facts, OutsideProblem::unexpected, {}, there->uuid);
    contradict(known != nullptr && known->record.state == ItemState::verified);
  }

  OutsideJudgement take() { return std::move(judgement_); }

 private:
  const KnownItem* known_of(std::int32_t item) const {
    const auto found =
        std::ranges::find(snapshot_.own.items, item, [](const KnownItem& k) { return k.record.item; });
    return found == snapshot_.own.items.end() ? nullptr : &*found;
  }
  const ItemRecord* record_of(std::int32_t item) const {
    const auto* known = known_of(item);
    return known == nullptr ? nullptr : &known->record;
  }
  const ReportedProfile* by_uuid(std::string_view uuid) const {
    const auto found = std::ranges::find(reported_, uuid, &ReportedProfile::uuid);
    return found == reported_.end() ? nullptr : &*found;
  }
  const ReportedProfile* by_identifier(std::string_view identifier) const {
    const auto found = std::ranges::find(reported_, identifier, &ReportedProfile::identifier);
    return found == reported_.end() ? nullptr : &*found;
  }
  void add(const ItemFacts& facts, OutsideProblem problem, std::string declared, std::string reported) {
    judgement_.findings.push_back({.item = facts.item,
                                   .problem = problem,
                                   .identifier = facts.slot,
                                   .declared_uuid = std::move(declared),
                                   .reported_uuid = std::move(reported)});
  }
  void contradict(bool does) { judgement_.contradicts = judgement_.contradicts || does; }

  const DeviceSnapshot& snapshot_;
  const std::vector<ReportedProfile>& reported_;
  bool complete_;
  OutsideJudgement judgement_;
};

}  // namespace

std::string_view name_of(OutsideProblem problem) {
  switch (problem) {
    case OutsideProblem::missing:
      return "missing";
    case OutsideProblem::other_version:
      return "other_version";
    case OutsideProblem::unexpected:
      return "unexpected";
  }
  return "unknown";
}

OutsideJudgement judge(const DeviceSnapshot& snapshot, const std::vector<ReportedProfile>& reported,
                       bool complete) {
  Judge judge(snapshot, reported, complete);
  for (const auto& desired : *snapshot.desired) {
    if (desired.held()) continue;
    if (desired.intent == director::Intent::present) {
      judge.present(desired);
    } else {
      judge.absent(desired.facts);
    }
  }
  for (const auto& known : snapshot.own.items) {
    const bool is_desired = std::ranges::any_of(
        *snapshot.desired, [&](const Desired& d) { return d.facts.item == known.record.item; });
    if (!is_desired && known.record.installed) judge.absent(*known.facts);
  }
  return judge.take();
}

}  // namespace mooring::reconciler
