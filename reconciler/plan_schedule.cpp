// SPDX-License-Identifier: Apache-2.0
// When a device is looked at again, and when it is woken.
#include <algorithm>

#include "reconciler/detail/planner.hpp"

namespace mooring::reconciler::detail {
namespace {

constexpr auto kJustEnrolled = std::chrono::minutes(10);  // somebody waits before the device
constexpr auto kRounding = std::chrono::milliseconds(1);  // of times in the database

}  // namespace

/// Whom the reconciler's own commands wait for.
std::vector<std::int64_t> Planner::enrollments_with_work(const Channels& channels) const {
  std::vector<std::int64_t> enrollments;
  for (const auto& work : channels) {
    const bool has_work =
        !work.planner.open().empty() || std::ranges::any_of(plan_.commands, [&](const auto& command) {
          return command.channel == work.channel.channel;
        });
    if (has_work) enrollments.push_back(enrollment_of(plan_.row, work.channel.channel));
  }
  return enrollments;
}

void Planner::schedule(const Channels& channels) {
  auto& row = plan_.row;
  // Shorter waits may have been configured since.
  if (row.next_push_at)
    row.next_push_at = std::min(*row.next_push_at, context_.now + push_wait(row.pushes + 1));
  const auto waiting = enrollments_with_work(channels);
  const bool own = !waiting.empty();
  const bool due = row.next_push_at && context_.now >= *row.next_push_at;
  if (!plan_.commands.empty()) {
    row.pushes = 0;
    push_now(waiting);
  } else if (own && !row.next_push_at) {
    push_now(waiting);
  } else if (due && (own || !snapshot_.people.empty())) {
    ++row.pushes;
    push_now(waiting);
  } else if (!snapshot_.people.empty()) {
    await_people();
  } else if (!own) {
    row.pushes = 0;
    row.next_push_at.reset();
  }
  const auto& device = channels.front();
  Time next = next_list_at(device);
  for (const auto& source : inventory_sources()) next = std::min(next, next_source_at(device, source));
  for (const auto& work : channels) {
    if (const auto check = work.planner.next_check()) next = std::min(next, *check);
    if (!work.is_own() && !work.items.empty()) next = std::min(next, next_list_at(work));
  }
  if (row.next_push_at) next = std::min(next, *row.next_push_at);
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
  if (row.pushes == 1) return push_now({});
  row.next_push_at = first;
}

Duration Planner::push_wait(int n) const {
  return backoff(context_.policy.push_base, context_.policy.push_max, n,
                 static_cast<std::uint64_t>(plan_.row.device));
}

/// `own`: for whom commands of the reconciler wait.
void Planner::push_now(const std::vector<std::int64_t>& own) {
  auto& row = plan_.row;
  plan_.pushes = own;
  for (const auto& channel : snapshot_.people) {
    if (std::ranges::find(own, channel.enrollment) == own.end()) plan_.pushes.push_back(channel.enrollment);
  }
  plan_.push_urgent = row.enrolled_at && context_.now - *row.enrolled_at < kJustEnrolled;
  row.next_push_at = context_.now + push_wait(row.pushes + 1);
}

}  // namespace mooring::reconciler::detail
