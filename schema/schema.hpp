// SPDX-License-Identifier: Apache-2.0
// Apple's MDM schema (commands, check-in messages, error codes, payloads of enrollment profiles) as a value
// to ask and to check plists against. The facts are in apple.tsv, which tools/schema writes from Apple's
// device-management repository.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/plist/value.hpp"
#include "base/result.hpp"
#include "schema/key.hpp"

namespace mooring::schema {

/// One deviation of a plist from the schema.
struct Problem {
  std::string path;  ///< E.g. "ProfileList[2].PayloadUUID"; empty for the whole.
  std::string what;  ///< E.g. "is missing".
  bool operator==(const Problem&) const = default;
};
using Problems = std::vector<Problem>;
/// "path what; path what": for logs and error messages.
std::string to_string(const Problems& problems);

class Schema {
 public:
  /// The table compiled into the binary, parsed at first use.
  static const Schema& apple();
  /// Errors: schema.table with the line that is wrong.
  static Result<Schema> parse(std::string_view rows);

  const Message* command(std::string_view request_type) const;
  const Message* checkin(std::string_view message_type) const;
  const Message* error(std::string_view code) const;
  /// A payload of profiles, by PayloadType: only those that enrollment profiles are made of. Its keys are in
  /// `request`, with the keys that all payloads have.
  const Message* payload(std::string_view payload_type) const;
  std::vector<std::string> request_types() const;
  std::vector<std::string> message_types() const;
  /// Names that DeviceInformation may be asked for on that platform and version.
  std::vector<std::string> queries(const Target& target = {}) const;

  // Checks: empty where all is well. With a target, keys that do not exist there are problems and keys that
  // are required only there are demanded; without, only what holds everywhere is demanded.

  /// `command`: the inner dictionary with RequestType.
  Problems check_request(const plist::Dict& command, const Target& target = {}) const;
  /// `report`: the whole dictionary that a device sends. Keys of the response are demanded only when the
  /// Status is Acknowledged; request_type is not looked at when it is Idle.
  Problems check_report(std::string_view request_type, const plist::Dict& report,
                        const Target& target = {}) const;
  Problems check_checkin(const plist::Dict& message, const Target& target = {}) const;
  /// `reply`: the dictionary that the server answers to a check-in message.
  Problems check_checkin_reply(std::string_view message_type, const plist::Dict& reply,
                               const Target& target = {}) const;
  /// The body of a 403 with a `code`.
  Problems check_error_body(const plist::Dict& body, const Target& target = {}) const;
  /// One payload of a profile. Of a type that the table does not have, the keys that all payloads have.
  Problems check_payload(const plist::Dict& payload, const Target& target = {}) const;
  /// A configuration profile with all its payloads.
  Problems check_profile(const plist::Dict& profile, const Target& target = {}) const;

 private:
  using Messages = std::map<std::string, Message, std::less<>>;
  Messages commands_;
  Messages checkins_;
  Messages errors_;
  Messages payloads_;
};

}  // namespace mooring::schema
