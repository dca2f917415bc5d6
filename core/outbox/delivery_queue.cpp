// SPDX-License-Identifier: Apache-2.0
#include "core/outbox/delivery_queue.hpp"

#include <algorithm>

namespace mooring::core {

DeliveryQueue::DeliveryQueue(DeliveryPolicy policy, Position cursor, std::uint64_t seed)
    : policy_(policy), random_(seed), read_to_(cursor), cursor_(cursor) {}

bool DeliveryQueue::wants_events(Time now) const {
  if (circuit_open() && (now < circuit_until_ || !window_.empty())) return false;
  return static_cast<int>(window_.size()) <= policy_.window / 2 && bytes_ <= policy_.window_bytes / 2;
}

int DeliveryQueue::room() const { return std::max(0, policy_.window - static_cast<int>(window_.size())); }

void DeliveryQueue::add(std::vector<StoredEvent> events, Position read_to) {
  for (auto& event : events) {
    const auto number = first_ + window_.size();
    const auto enrollment = event.enrollment;
    const auto waiting = backlog_.find(enrollment);
    if (waiting != backlog_.end()) {
      changes_.waiting.push_back(
          {.position = event.position, .enrollment = enrollment, .next_try = waiting->second.next_try});
      window_.push_back({event.position, nullptr});
      continue;
    }
    bytes_ += event.sealed_body ? event.sealed_body->size() : 0;
    window_.push_back({event.position, std::make_shared<const StoredEvent>(std::move(event))});
    auto& lane = lanes_[enrollment];
    lane.push_back(number);
    if (lane.size() == 1) ready_.push_back(number);
  }
  read_to_ = read_to;
  advance();
}

void DeliveryQueue::has_backlog(std::int64_t enrollment, Time next_try) {
  backlog_[enrollment].next_try = next_try;
}

std::vector<std::int64_t> DeliveryQueue::due(Time now) {
  std::vector<std::int64_t> enrollments;
  if (circuit_open() && now < circuit_until_) return enrollments;
  for (auto& [enrollment, waiting] : backlog_) {
    if (waiting.head || waiting.asked || waiting.next_try > now) continue;
    waiting.asked = true;
    enrollments.push_back(enrollment);
    if (static_cast<int>(enrollments.size() + ready_waiting_.size()) >= policy_.window) break;
  }
  return enrollments;
}

void DeliveryQueue::add_waiting(StoredEvent event, int attempts) {
  const auto found = backlog_.find(event.enrollment);
  if (found == backlog_.end()) return;
  found->second.asked = false;
  found->second.attempts = attempts;
  ready_waiting_.push_back(event.enrollment);
  found->second.head = std::make_shared<const StoredEvent>(std::move(event));
}

void DeliveryQueue::has_no_backlog(std::int64_t enrollment) { backlog_.erase(enrollment); }

bool DeliveryQueue::may_send(Time now) const {
  if (circuit_open()) return under_way_.empty() && now >= circuit_until_;
  return static_cast<int>(under_way_.size()) < policy_.parallel;
}

std::optional<Delivery> DeliveryQueue::next(Time now) {
  if (!may_send(now)) return std::nullopt;
  waiting_first_ = !waiting_first_;
  auto delivery = waiting_first_ ? next_waiting() : next_new();
  if (!delivery) delivery = waiting_first_ ? next_new() : next_waiting();
  return delivery;
}

std::optional<Delivery> DeliveryQueue::next_new() {
  if (ready_.empty()) return std::nullopt;
  const auto number = ready_.front();
  ready_.pop_front();
  const auto& event = entry(number).event;
  under_way_[next_ticket_] = {.enrollment = event->enrollment, .entry = number};
  return Delivery{next_ticket_++, event};
}

std::optional<Delivery> DeliveryQueue::next_waiting() {
  if (ready_waiting_.empty()) return std::nullopt;
  const auto enrollment = ready_waiting_.front();
  ready_waiting_.pop_front();
  under_way_[next_ticket_] = {.enrollment = enrollment};
  return Delivery{next_ticket_++, backlog_.at(enrollment).head};
}

void DeliveryQueue::finish(std::uint64_t ticket, DeliveryOutcome outcome, std::string failure, Time now) {
  const auto found = under_way_.find(ticket);
  if (found == under_way_.end()) return;
  const UnderWay done = found->second;
  under_way_.erase(found);
  if (outcome == DeliveryOutcome::taken) {
    note_success();
  } else {
    note_failure(done.enrollment, now);
  }
  if (done.entry != 0) {
    finish_new(done, outcome, std::move(failure), now);
  } else {
    finish_waiting(done, outcome, std::move(failure), now);
  }
  advance();
}

void DeliveryQueue::finish_new(const UnderWay& done, DeliveryOutcome outcome, std::string failure, Time now) {
  if (outcome != DeliveryOutcome::taken) {
    put_off(done.enrollment, outcome == DeliveryOutcome::refused ? 1 : 0, std::move(failure), now);
    return;
  }
  settle(entry(done.entry));
  auto& lane = lanes_[done.enrollment];
  lane.pop_front();
  if (lane.empty()) {
    lanes_.erase(done.enrollment);
  } else {
    ready_.push_back(lane.front());
  }
}

/// The first event of the lane leaves the window for the backlog, and all later ones behind it.
void DeliveryQueue::put_off(std::int64_t enrollment, int attempts, std::string failure, Time now) {
  const Time next_try = retry_at(attempts, now);
  const bool dead = attempts >= policy_.attempts;
  const auto lane = std::move(lanes_[enrollment]);
  lanes_.erase(enrollment);
  for (const auto number : lane) {
    changes_.waiting.push_back(
        {.position = entry(number).position, .enrollment = enrollment, .next_try = next_try});
    settle(entry(number));
  }
  auto& failed = *(changes_.waiting.end() - static_cast<std::ptrdiff_t>(lane.size()));
  failed.attempts = attempts;
  failed.dead = dead;
  failed.failure = std::move(failure);
  backlog_[enrollment] = {.next_try = dead ? now : next_try, .tries = 1, .successes = successes_};
}

void DeliveryQueue::settle(Entry& entry) {
  if (entry.event && entry.event->sealed_body) bytes_ -= entry.event->sealed_body->size();
  entry.event = nullptr;
}

void DeliveryQueue::finish_waiting(const UnderWay& done, DeliveryOutcome outcome, std::string failure,
                                   Time now) {
  auto& waiting = backlog_.at(done.enrollment);
  const auto event = std::move(waiting.head);
  waiting.head = nullptr;
  BacklogChange change{.position = event->position, .enrollment = done.enrollment};
  if (outcome == DeliveryOutcome::taken) {
    waiting.next_try = now;
    waiting.tries = 0;
    changes_.settled.push_back(std::move(change));
    return;
  }
  const bool counts = outcome == DeliveryOutcome::refused || successes_ > waiting.successes;
  change.attempts = waiting.attempts + (counts ? 1 : 0);
  change.dead = change.attempts >= policy_.attempts;
  change.next_try = retry_at(std::max(change.attempts, ++waiting.tries), now);
  change.failure = std::move(failure);
  if (change.dead) waiting.tries = 0;
  waiting.next_try = change.dead ? now : change.next_try;
  waiting.successes = successes_;
  changes_.waiting.push_back(std::move(change));
}

void DeliveryQueue::advance() {
  Position passed = cursor_;
  while (!window_.empty() && !window_.front().event) {
    passed = window_.front().position;
    window_.pop_front();
    ++first_;
  }
  if (window_.empty()) passed = read_to_;
  if (passed <= cursor_) return;
  cursor_ = passed;
  changes_.cursor = passed;
}

DeliveryChanges DeliveryQueue::changes() { return std::exchange(changes_, {}); }

void DeliveryQueue::note_success() {
  ++successes_;
  failing_.clear();
  circuit_level_ = 0;
}

void DeliveryQueue::note_failure(std::int64_t enrollment, Time now) {
  failing_.insert(enrollment);
  if (circuit_open() && now < circuit_until_) return;  // was under way when it opened
  if (static_cast<int>(failing_.size()) < policy_.silent_after && !circuit_open()) return;
  ++circuit_level_;
  circuit_until_ = now + backoff(policy_.circuit_base, policy_.circuit_max, circuit_level_);
}

Time DeliveryQueue::retry_at(int tries, Time now) {
  return now + backoff(policy_.retry_base, policy_.retry_max, std::max(1, tries));
}

Duration DeliveryQueue::backoff(Duration base, Duration max, int n) {
  Duration wait = base;
  for (int i = 1; i < n && wait < max; ++i) wait *= 2;
  wait = std::min(wait, max);
  return std::chrono::duration_cast<Duration>(wait * (0.75 + random_.unit() * 0.5));
}

}  // namespace mooring::core
