// SPDX-License-Identifier: Apache-2.0
// The states of a command and the names of its identifiers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/crypto/crypto.hpp"

namespace mooring::core {

/// As stored. The first two are open (table commands), the others final (table command_results).
enum class CommandStatus : std::int16_t {
  queued = 0,
  not_now = 1,
  acknowledged = 2,
  error = 3,
  command_format_error = 4,
  cancelled = 5,  ///< Superseded, cancelled by a person, or cleared by a new enrollment.
  expired = 6,
};
std::string_view name_of(CommandStatus status);

/// commands.item_id of inventory commands (ProfileList, DeviceInformation) that the reconciler sends.
inline constexpr std::int32_t kInventoryItem = 0;

/// A CommandUUID as stored: 16 bytes for a UUID in Apple's upper-case form, otherwise zero and the text.
/// Devices echo the text exactly, so the two forms never name the same command.
std::string encode_command_uuid(std::string_view text);
std::string encode_command_uuid(const crypto::Uuid& uuid);
std::string decode_command_uuid(std::string_view stored);

/// The document that a device gets: `command` is the Command dictionary as an XML fragment.
std::string command_envelope(std::string_view command, std::string_view command_uuid);

}  // namespace mooring::core
