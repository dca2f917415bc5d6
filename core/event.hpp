// SPDX-License-Identifier: Apache-2.0
// Facts from devices, as stored in `events`. Every statement that records one fills these columns:
//   enrollment_id, created_at, kind     always
//   url_params                          MessageContext::url_params, NULL where that is empty
//   body                                what EventInterest::sealed_body() answers for the message
//   detail                              JSON, or NULL. token_updated: {"token_update_tally": 1};
//   authenticated:
//                                       certificate_hash, user_name, enrollment_profile, renewal where known;
//                                       checked_out: {"by": "administrator"} where it was one;
//                                       user_authenticated: allowed, user_id, user_short_name,
//                                       user_long_name; declarations_read: endpoint; reports: the ErrorChain
//   status, command_uuid, request_type  reports only
// xid and id are the event's position and fill themselves (migrations/0003_events.sql).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace mooring::core {

/// events.kind. Numbers are stored: never reuse one.
enum class EventKind : std::int16_t {
  authenticated = 1,
  token_updated = 2,
  checked_out = 3,
  command_reported = 4,
  bootstrap_token_set = 5,
  bootstrap_token_read = 6,
  user_authenticated = 7,
  declarations_read = 8,   ///< DeclarativeManagement: tokens, declaration-items, declaration/...
  declaration_status = 9,  ///< DeclarativeManagement: status
  token_read = 10,         ///< GetToken
  return_to_service = 11,
  idle = 12,  ///< A connection with nothing to report; recorded only for consumers that ask for it.
};

inline std::int16_t number_of(EventKind kind) { return static_cast<std::int16_t>(kind); }

/// Every kind, in the order of their numbers.
std::span<const EventKind> event_kinds();

/// "authenticated", "token_updated", ...; "unknown" for numbers of a newer version.
std::string_view name_of(EventKind kind);
std::optional<EventKind> event_kind_named(std::string_view name);

/// MicroMDM's topic: "mdm.Authenticate", "mdm.Connect", ... Several kinds may share one.
std::string_view topic_of(EventKind kind);

/// A set of kinds, one bit each.
class EventKinds {
 public:
  constexpr EventKinds() = default;
  static constexpr EventKinds of_bits(std::uint32_t bits) { return EventKinds(bits); }
  /// Those that devices send by themselves or in answer: all but idle.
  static EventKinds all_but_idle();

  constexpr bool has(EventKind kind) const { return (bits_ & bit(kind)) != 0; }
  constexpr void add(EventKind kind) { bits_ |= bit(kind); }
  constexpr void add(EventKinds others) { bits_ |= others.bits_; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr std::uint32_t bits() const { return bits_; }
  constexpr bool operator==(const EventKinds&) const = default;

 private:
  explicit constexpr EventKinds(std::uint32_t bits) : bits_(bits) {}
  static constexpr std::uint32_t bit(EventKind kind) { return 1U << static_cast<unsigned>(kind); }
  std::uint32_t bits_ = 0;
};

}  // namespace mooring::core
