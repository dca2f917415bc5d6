// SPDX-License-Identifier: Apache-2.0
// What somebody outside wants of events: who records them asks here, so that nothing is kept, and nobody
// woken, for no one.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/crypto/secret_box.hpp"
#include "core/event.hpp"

namespace mooring::core {

/// --event-bodies.
enum class KeepBodies : std::uint8_t {
  off,        ///< Never: consumers get events without the message.
  automatic,  ///< Of the kinds that a consumer wants them of.
  on,         ///< Of every event: an archive.
};

/// events.body as it came. Errors: secret.damaged.
Result<std::string> open_event_body(const crypto::SecretBox& secrets, std::string_view sealed);

/// Thread-safe; asking costs one atomic read. What is wanted may be up to a second old (see Outbox).
class EventInterest {
 public:
  /// Until `want` is called nobody listens: only KeepBodies::on keeps anything.
  explicit EventInterest(const crypto::SecretBox& secrets, KeepBodies keep = KeepBodies::automatic);
  EventInterest(const EventInterest&) = delete;
  EventInterest& operator=(const EventInterest&) = delete;

  bool wants_body(EventKind kind) const { return EventKinds::of_bits(bodies_.load()).has(kind); }
  /// True where connections with nothing to report are recorded: each is a durable write.
  bool wants_idle() const { return idle_.load(); }

  /// The message as events.body keeps it; nullopt where nobody wants it. It is sealed, because check-ins hold
  /// unlock and bootstrap tokens.
  std::optional<std::string> sealed_body(EventKind kind, std::string_view body) const;
  /// The other way round: open_event_body.
  Result<std::string> open_body(std::string_view sealed) const;

  /// After the commit of an event: wakes whoever waits for it in this process. Losing it costs delay only.
  void ring() const;
  /// Moves with every ring: for those that look now and then.
  std::uint64_t rings() const { return rings_.load(); }

  // For whoever knows the consumers:
  /// `bodies`: kinds whose messages somebody wants.
  void want(EventKinds bodies, bool idle);
  /// `bell` is called by ring() on any thread; an empty one ends that. Not called while this returns.
  void on_ring(std::function<void()> bell);

 private:
  const crypto::SecretBox& secrets_;
  KeepBodies keep_;
  std::atomic<std::uint32_t> bodies_{0};
  std::atomic<bool> idle_{false};
  std::atomic<bool> has_bell_{false};
  mutable std::atomic<std::uint64_t> rings_{0};
  mutable std::mutex mutex_;
  std::function<void()> bell_;
};

}  // namespace mooring::core
