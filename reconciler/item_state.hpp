// SPDX-License-Identifier: Apache-2.0
// The state of one item on one device. docs/reconciler.md draws it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/crypto/crypto.hpp"
#include "director/assignments.hpp"
#include "reconciler/reason.hpp"

namespace mooring::reconciler {

/// device_items.state. Numbers are stored: never reuse one.
enum class ItemState : std::int16_t {
  pending = 0,       ///< Differs, or not known yet; a command goes out as soon as there is evidence.
  commanded = 1,     ///< A command is queued, handed out, or answered NotNow.
  acknowledged = 2,  ///< The device accepted it; its own list has not shown it yet.
  verified = 3,      ///< The device's own list proves it.
  backing_off = 4,   ///< Refused or without effect; tried again at next_try_at.
  failed = 5,  ///< The retry budget is spent, or the error is terminal: waits for a new version or a person.
  quarantined = 6,  ///< Repaired again and again: waits for a new version or a person.
  waiting = 7,      ///< Differs, but something declared keeps it from being sent; the reason says what.
};
inline constexpr ItemState kLastItemState = ItemState::waiting;
std::string_view name_of(ItemState state);

/// The state machine: whether one step leads from one state to another. A pass may take several steps.
bool may_follow(ItemState from, ItemState to);

/// device_items.intent: director::Intent, and `ended` once no assignment names the item any more.
enum class RecordIntent : std::int16_t { ended = -1, absent = 0, present = 1 };

/// device_items.channel_id of what belongs to the device itself.
inline constexpr std::int64_t kOwnChannel = 0;

/// One row of device_items.
struct ItemRecord {
  std::int32_t item = 0;
  std::int64_t channel = kOwnChannel;  ///< Otherwise the enrollment of a user.
  std::int32_t version = 0;            ///< Desired at the last pass (the last one, where ended).
  std::optional<std::int32_t> installed_version;
  ItemState state = ItemState::pending;
  RecordIntent intent = RecordIntent::present;
  std::int16_t attempts = 0;  ///< Commands since the version was declared or the last verification.
  std::int16_t repairs = 0;   ///< Drifts after verification since repairs_since.
  std::int32_t repush = 0;    ///< items.repush as far as it was honoured.
  bool installed = false;     ///< Proof that Mooring installed it; without it nothing is removed.
  bool forced = false;        ///< To be sent although the list shows it (re-push).
  std::optional<std::int64_t> acknowledged_event;  ///< Only a list after this event proves anything.
  std::optional<Time> drift_since;
  std::optional<Time> next_try_at;
  std::optional<Time> verified_at;
  std::optional<Time> repairs_since;
  Reason reason = Reason::none;           ///< Why it is not verified; none where it is.
  std::string detail;                     ///< What the reason alone does not say.
  std::optional<std::int64_t> rendering;  ///< Hash of the values its content was made of; nullopt: none.
  std::optional<crypto::Uuid> installed_identity;  ///< Of ours, as last listed; only with `rendering`.
  std::optional<std::int64_t> signer;              ///< First 8 bytes of SHA-256 of the signer last asked for.

  bool operator==(const ItemRecord&) const = default;
};

}  // namespace mooring::reconciler
