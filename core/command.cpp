// SPDX-License-Identifier: Apache-2.0
#include "core/command.hpp"

#include <cstring>

#include "base/encoding.hpp"

namespace mooring::core {
namespace {

constexpr std::size_t kUuidSize = 16;

}  // namespace

std::string_view name_of(CommandStatus status) {
  switch (status) {
    case CommandStatus::queued:
      return "queued";
    case CommandStatus::not_now:
      return "not_now";
    case CommandStatus::acknowledged:
      return "acknowledged";
    case CommandStatus::error:
      return "error";
    case CommandStatus::command_format_error:
      return "command_format_error";
    case CommandStatus::cancelled:
      return "cancelled";
    case CommandStatus::expired:
      return "expired";
  }
  return "unknown";
}

std::string encode_command_uuid(std::string_view text) {
  if (const auto uuid = crypto::Uuid::parse(text); uuid && uuid->text() == text)
    return encode_command_uuid(*uuid);
  // A second zero keeps a text of 15 characters from having the length of a UUID.
  std::string stored(text.size() == kUuidSize - 1 ? 2 : 1, '\0');
  stored += text;
  return stored;
}

std::string encode_command_uuid(const crypto::Uuid& uuid) {
  return {reinterpret_cast<const char*>(uuid.bytes.data()), uuid.bytes.size()};
}

std::string decode_command_uuid(std::string_view stored) {
  if (stored.size() == kUuidSize) {
    crypto::Uuid uuid;
    std::memcpy(uuid.bytes.data(), stored.data(), kUuidSize);
    return uuid.text();
  }
  const auto text = stored.find_first_not_of('\0');
  return text == std::string_view::npos ? std::string() : std::string(stored.substr(text));
}

std::string command_envelope(std::string_view command, std::string_view command_uuid) {
  constexpr std::string_view kHead =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
      "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
      "<plist version=\"1.0\">\n<dict>\n<key>Command</key>\n";
  constexpr std::string_view kUuid = "\n<key>CommandUUID</key>\n<string>";
  constexpr std::string_view kTail = "</string>\n</dict>\n</plist>\n";
  std::string out;
  out.reserve(kHead.size() + command.size() + kUuid.size() + command_uuid.size() + kTail.size());
  out.append(kHead).append(command).append(kUuid).append(escape_markup(command_uuid)).append(kTail);
  return out;
}

}  // namespace mooring::core
