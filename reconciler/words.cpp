// SPDX-License-Identifier: Apache-2.0
#include "reconciler/words.hpp"

namespace mooring::reconciler {

std::string_view meaning_of(ItemState state, RecordIntent intent) {
  const bool present = intent == RecordIntent::present;
  switch (state) {
    case ItemState::pending:
      return present ? "it should be on the device; nothing was sent for it yet"
                     : "it should not be on the device; nothing was sent for that yet";
    case ItemState::commanded:
      return present ? "it should be on the device; a command that installs it waits for the device"
                     : "it should not be on the device; a command that removes it waits for the device";
    case ItemState::acknowledged:
      return "the device accepted the command; its own list has yet to show the result";
    case ItemState::verified:
      return present ? "the device's own list shows it as declared"
                     : "the device's own list shows that it is not there, as declared";
    case ItemState::backing_off:
      return "it differs, and the next attempt has its time";
    case ItemState::failed:
      return "it differs, and Mooring has given up";
    case ItemState::quarantined:
      return "it was lost again after each repair, and Mooring leaves it alone";
    case ItemState::waiting:
      return "it differs, and something declared keeps it from being sent";
  }
  return "nothing is known of it";
}

std::string_view next_step_of(ItemState state) {
  switch (state) {
    case ItemState::pending:
      return "the next pass over the device decides what to send";
    case ItemState::commanded:
      return "the device's answer; it is woken again while it is silent";
    case ItemState::acknowledged:
      return "the device's next ProfileList";
    case ItemState::verified:
      return "the next ProfileList looks whether it is still so";
    case ItemState::backing_off:
      return "it is sent again when its time has come";
    case ItemState::failed:
      return "a new version, a re-push, a lift, or a higher build of the system";
    case ItemState::quarantined:
      return "a new version, a re-push, a lift, or a higher build of the system";
    case ItemState::waiting:
      return "it is sent when what holds it back has ended";
  }
  return "the next pass over the device";
}

}  // namespace mooring::reconciler
