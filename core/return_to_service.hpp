// SPDX-License-Identifier: Apache-2.0
// ReturnToService: an erased device asks how it shall come back by itself. The message came with OS 26;
// Apple's schema of the releases that schema/apple.tsv holds knows it only as a dictionary of EraseDevice.
// The answer:
//
//   ReturnToService  dictionary
//     Enabled          boolean, required
//     WiFiProfileData  data: the profile by which it finds the network
//     MDMProfileData   data: the enrollment profile
//     BootstrapToken   data: so that it may keep its apps
#pragma once

#include <optional>
#include <string>

#include "core/checkin_services.hpp"

namespace mooring::core {

struct ReturnToServiceSettings {
  bool enabled = false;
  std::optional<std::string> wifi_profile;  ///< A .mobileconfig, signed or not.
  std::optional<std::string> mdm_profile;   ///< A .mobileconfig, signed or not.
  bool bootstrap_token = false;             ///< Hand out the one that the device gave into escrow.
};

/// What may be shown.
struct ReturnToServiceView {
  bool enabled = false;
  bool has_wifi_profile = false;
  bool has_mdm_profile = false;
  bool bootstrap_token = false;
  Time updated_at;
};

// `device`: 0 for all devices without settings of their own. Functions run on a database thread and throw
// pg::SqlError.
void put_return_to_service(pg::Connection& connection, const crypto::SecretBox& secrets, std::int64_t device,
                           const ReturnToServiceSettings& settings, Time now);
std::optional<ReturnToServiceView> find_return_to_service(pg::Connection& connection, std::int64_t device);
bool delete_return_to_service(pg::Connection& connection, std::int64_t device);

class ReturnToService {
 public:
  explicit ReturnToService(CheckinServices services) : s_(services) {}

  /// Enabled is false where nobody set anything up. Errors: checkin.device_channel_only,
  /// checkin.unknown_enrollment, secret.damaged.
  Task<Result<CheckinOutcome>> handle(EnrollmentId enrollment, MessageContext context);

 private:
  CheckinServices s_;
};

}  // namespace mooring::core
