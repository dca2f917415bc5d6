// SPDX-License-Identifier: Apache-2.0
// Why an item is not verified, as a number that costs two bytes a row and as a sentence for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mooring::reconciler {

/// device_items.reason_code. Numbers are stored: never reuse one.
enum class Reason : std::int16_t {
  none = 0,
  under_way = 1,
  waits_for_list = 2,
  waits_for_proof = 3,
  no_effect = 4,
  foreign = 5,
  not_now = 6,
  refused = 7,    ///< Detail: what the device said.
  malformed = 8,  ///< Detail: what the device said.
  no_answer = 9,
  lost_again = 10,
  no_longer_declared = 11,
  repaired_too_often = 12,
  paused = 13,
  outside_window = 14,
  waits_for_item = 15,    ///< Detail: its name.
  unknown_fact = 16,      ///< Detail: its name.
  missing_variable = 17,  ///< Detail: its name.
  no_user_channel = 18,
  cannot_render = 19,  ///< Detail: why not.
  other_signer = 20,
  new_build = 21,
  asked_again = 22,
  waits_for_turn = 23,
  impossible = 24,  ///< Detail: what the device said.
};
inline constexpr Reason kLastReason = Reason::impossible;

/// Part of a sentence that a person reads; empty for `none`.
std::string_view text_of(Reason reason);
/// The same with what the record knows beyond it.
std::string sentence_of(Reason reason, std::string_view detail);

}  // namespace mooring::reconciler
