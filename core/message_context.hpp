// SPDX-License-Identifier: Apache-2.0
// What surrounds a message from a device: where it came from, and what identity proved of its sender.
#pragma once

#include <string>

namespace mooring::core {

struct MessageContext {
  std::string request_id;
  std::string body;        ///< The message as it came.
  std::string url_params;  ///< Query parameters of the request as a JSON object of texts; empty where none.
  /// SHA-256 of the certificate, lower-case hex; empty where identity is off.
  std::string certificate_hash;
  // Known where this server issued the certificate for an enrollment profile that somebody asked for:
  std::string user_name;           ///< Who gave their credentials at the enrollment URL.
  std::string enrollment_profile;  ///< Name of the profile.
  /// The certificate is a new one of an enrollment that lives on: Authenticate then starts nothing anew.
  bool renewal = false;
};

}  // namespace mooring::core
