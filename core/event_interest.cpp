// SPDX-License-Identifier: Apache-2.0
#include "core/event_interest.hpp"

namespace mooring::core {
namespace {

constexpr std::string_view kBodyContext = "event-body";

}  // namespace

Result<std::string> open_event_body(const crypto::SecretBox& secrets, std::string_view sealed) {
  return secrets.open(sealed, kBodyContext);
}

EventInterest::EventInterest(const crypto::SecretBox& secrets, KeepBodies keep)
    : secrets_(secrets), keep_(keep) {
  want({}, false);
}

std::optional<std::string> EventInterest::sealed_body(EventKind kind, std::string_view body) const {
  if (!wants_body(kind)) return std::nullopt;
  return secrets_.seal(body, kBodyContext);
}

Result<std::string> EventInterest::open_body(std::string_view sealed) const {
  return open_event_body(secrets_, sealed);
}

void EventInterest::ring() const {
  ++rings_;
  if (!has_bell_.load()) return;
  const std::scoped_lock lock(mutex_);
  if (bell_) bell_();
}

void EventInterest::want(EventKinds bodies, bool idle) {
  if (keep_ == KeepBodies::off) bodies = {};
  if (keep_ == KeepBodies::on) bodies = EventKinds::of_bits(~std::uint32_t{0});
  bodies_ = bodies.bits();
  idle_ = idle;
}

void EventInterest::on_ring(std::function<void()> bell) {
  const std::scoped_lock lock(mutex_);
  bell_ = std::move(bell);
  has_bell_ = static_cast<bool>(bell_);
}

}  // namespace mooring::core
