// SPDX-License-Identifier: Apache-2.0
#include "core/push_queue.hpp"

#include <algorithm>
#include <cmath>

namespace mooring::core {
namespace {

constexpr int kTolerated = 5;  // failures in a row before the breaker opens
constexpr Duration kOpenFirst = std::chrono::seconds(1);
constexpr Duration kOpenMost = std::chrono::minutes(5);
constexpr Duration kRefusedFirst = std::chrono::minutes(1);
constexpr Duration kRefusedMost = std::chrono::hours(1);
constexpr Duration kDeviceFirst = std::chrono::minutes(1);
constexpr Duration kDeviceMost = std::chrono::hours(1);
constexpr std::chrono::hours kLongestObeyed(24);  // of a Retry-After

Duration grown(Duration base, Duration most, int times) {
  for (int i = 0; i < times && base < most; ++i) base *= 4;
  return std::min(base, most);
}

Duration with_jitter(Duration wait, double jitter) {
  return wait + Duration{static_cast<std::int64_t>(static_cast<double>(wait.count()) * 0.25 * jitter)};
}

Duration obeyed(std::optional<std::chrono::seconds> retry_after) {
  return retry_after ? Duration(std::min<std::chrono::seconds>(*retry_after, kLongestObeyed)) : Duration(0);
}

}  // namespace

PushQueue::Rank PushQueue::rank_of(const Entry& entry) {
  const bool urgent = entry.push.lane == PushLane::urgent;
  return {.lane = entry.push.lane,
          .order = urgent ? entry.arrival : -entry.push.last_seen.time_since_epoch().count(),
          .enrollment = entry.push.enrollment};
}

void PushQueue::place(Entry& entry) {
  entry.held = entry.push.not_before > Time{};
  if (entry.held) {
    held_.insert({entry.push.not_before, entry.push.enrollment});
  } else {
    ready_.insert(rank_of(entry));
  }
}

void PushQueue::displace(const Entry& entry) {
  if (entry.held) {
    held_.erase({entry.push.not_before, entry.push.enrollment});
  } else {
    ready_.erase(rank_of(entry));
  }
}

void PushQueue::add(QueuedPush push) {
  auto [at, is_new] = entries_.try_emplace(push.enrollment);
  auto& entry = at->second;
  if (is_new) {
    entry = {.push = push, .arrival = ++arrivals_};
  } else {
    displace(entry);
    if (push.lane < entry.push.lane) entry.arrival = ++arrivals_;
    entry.push.lane = std::min(entry.push.lane, push.lane);
    entry.push.last_seen = std::max(entry.push.last_seen, push.last_seen);
    entry.push.not_before = std::max(entry.push.not_before, push.not_before);
    entry.push.attempts = std::max(entry.push.attempts, push.attempts);
  }
  place(entry);
}

void PushQueue::remove(std::int64_t enrollment) {
  const auto found = entries_.find(enrollment);
  if (found == entries_.end()) return;
  displace(found->second);
  entries_.erase(found);
}

void PushQueue::release(Time now) {
  while (!held_.empty() && held_.begin()->until <= now) {
    auto& entry = entries_.at(held_.begin()->enrollment);
    held_.erase(held_.begin());
    entry.push.not_before = {};
    place(entry);
  }
}

std::vector<QueuedPush> PushQueue::take(std::size_t most, Time now) {
  release(now);
  std::vector<QueuedPush> taken;
  while (taken.size() < most && !ready_.empty()) {
    const auto found = entries_.find(ready_.begin()->enrollment);
    ready_.erase(ready_.begin());
    taken.push_back(found->second.push);
    entries_.erase(found);
  }
  return taken;
}

std::optional<Time> PushQueue::next_due(Time now) {
  release(now);
  if (!ready_.empty()) return now;
  if (held_.empty()) return std::nullopt;
  return held_.begin()->until;
}

double RateLimit::burst() const { return std::max(1.0, static_cast<double>(per_second_) / 10); }

std::size_t RateLimit::available(Time now) {
  if (per_second_ <= 0) return SIZE_MAX;
  if (!filled_) tokens_ = burst();
  if (filled_ && now > *filled_) {
    const double seconds = std::chrono::duration<double>(now - *filled_).count();
    tokens_ = std::min(burst(), tokens_ + seconds * static_cast<double>(per_second_));
  }
  if (!filled_ || now > *filled_) filled_ = now;
  return tokens_ >= 1 ? static_cast<std::size_t>(tokens_) : 0;
}

void RateLimit::spend(std::size_t count) {
  if (per_second_ > 0) tokens_ -= static_cast<double>(count);
}

CircuitBreaker::State CircuitBreaker::state(Time now) const {
  if (!open_) return State::closed;
  return now >= retry_at_ && !probing_ ? State::half_open : State::open;
}

void CircuitBreaker::open(Time now, Duration base, double jitter, Duration at_least) {
  open_ = true;
  probing_ = false;
  ++openings_;
  retry_at_ = now + std::max(with_jitter(base, jitter), at_least);
}

void CircuitBreaker::failed(Time now, std::uint64_t incident, double jitter,
                            std::optional<std::chrono::seconds> retry_after) {
  const bool probe_failed = open_ && probing_;
  if (!probe_failed && incident != 0 && incident == last_incident_) return;
  last_incident_ = incident;
  ++failures_;
  if (open_ && !probing_) return;  // Others that were on their way when it opened.
  if (!probe_failed && failures_ < kTolerated && !retry_after) return;
  open(now, grown(kOpenFirst, kOpenMost, openings_), jitter, obeyed(retry_after));
}

void CircuitBreaker::refused(Time now, double jitter) {
  if (open_ && !probing_) return;
  open(now, grown(kRefusedFirst, kRefusedMost, openings_), jitter, Duration(0));
}

void CircuitBreaker::succeeded() { *this = CircuitBreaker(); }

Duration push_backoff(int attempts, double jitter, std::optional<std::chrono::seconds> retry_after) {
  return std::max(with_jitter(grown(kDeviceFirst, kDeviceMost, std::max(attempts - 1, 0)), jitter),
                  obeyed(retry_after));
}

}  // namespace mooring::core
