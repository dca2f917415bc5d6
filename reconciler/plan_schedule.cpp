// SPDX-License-Identifier: Apache-2.0
// When a device is looked at again, and when it is woken.
#include <algorithm>

#include "reconciler/detail/planner.hpp"

namespace mooring::reconciler::detail {
namespace {

constexpr auto kJustEnrolled = std::chrono::minutes(10);  // somebody waits before the device
constexpr auto kRounding = std::chrono::milliseconds(1);  // of times in the database

}  // namespace

void Planner::schedule(const ItemPlanner& planner) {
  auto& row = plan_.row;
  // Shorter waits may have been configured since.
  if (row.next_push_at)
    row.next_push_at = std::min(*row.next_push_at, context_.now + push_wait(row.pushes + 1));
  const bool own = !planner.open().empty() || !plan_.commands.empty();
  const bool due = row.next_push_at && context_.now >= *row.next_push_at;
  if (!plan_.commands.empty()) {
    row.pushes = 0;
    push_now(own);
  } else if (own && !row.next_push_at) {
    push_now(own);
  } else if (due && (own || !snapshot_.people.empty())) {
    ++row.pushes;
    push_now(own);
  } else if (!snapshot_.people.empty()) {
    await_people();
  } else if (!own) {
    row.pushes = 0;
    row.next_push_at.reset();
  }
  Time next = next_list_at(planner);
  for (const auto& source : inventory_sources()) next = std::min(next, next_source_at(planner, source));
  for (const auto& when : {planner.next_check(), row.next_push_at}) {
    if (when) next = std::min(next, *when);
  }
  row.due_at = std::max(next, context_.now + std::chrono::milliseconds(1));
  if ((plan_.new_facts || plan_.new_security) && context_.facts_decide) {
    row.groups_seen = 0;
    row.due_at = context_.now;
  }
}

/// Whoever queued a command has pushed, or did not want to: the schedule begins with its first re-push. A
/// pass that comes within the jitter before it (core::enqueue asks for one) makes it, instead of another.
void Planner::await_people() {
  auto& row = plan_.row;
  const auto newest = std::ranges::max(snapshot_.people, {}, &WaitingChannel::newest).newest;
  const Time first = newest + push_wait(1);
  const Time early = newest + context_.policy.push_base * 4 / 5;
  if (row.next_push_at && *row.next_push_at <= first) return;
  const bool is_of_newest =
      row.next_push_at && *row.next_push_at - push_wait(row.pushes + 1) >= newest - kRounding;
  if (is_of_newest) return;
  row.pushes = early <= context_.now ? 1 : 0;
  if (row.pushes == 1) return push_now(false);
  row.next_push_at = first;
}

Duration Planner::push_wait(int n) const {
  return backoff(context_.policy.push_base, context_.policy.push_max, n,
                 static_cast<std::uint64_t>(plan_.row.device));
}

/// `own`: commands of the reconciler wait, which go to the device's own channel.
void Planner::push_now(bool own) {
  auto& row = plan_.row;
  if (own) plan_.pushes.push_back(row.enrollment);
  for (const auto& channel : snapshot_.people) {
    if (!own || channel.enrollment != row.enrollment) plan_.pushes.push_back(channel.enrollment);
  }
  plan_.push_urgent = row.enrolled_at && context_.now - *row.enrolled_at < kJustEnrolled;
  row.next_push_at = context_.now + push_wait(row.pushes + 1);
}

}  // namespace mooring::reconciler::detail
