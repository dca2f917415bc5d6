// SPDX-License-Identifier: Apache-2.0
// What devices talk to: PUT /mdm (check-ins and reports on one URL), /mdm/checkin, /mdm/connect.
#pragma once

#include <vector>

#include "base/http/server.hpp"
#include "core/activity.hpp"
#include "core/checkin.hpp"
#include "core/identity/identity.hpp"
#include "core/identity/unknown_devices.hpp"
#include "core/payload_cache.hpp"
#include "core/payload_renderer.hpp"
#include "core/report.hpp"

namespace mooring::core {

class DeviceEndpoint {
 public:
  /// `identity` null: whoever sends a message is believed. `renderer` null: payloads that have to be made for
  /// a device fail.
  DeviceEndpoint(CheckinStore& checkins, ReportStore& reports, PayloadCache& payloads, Activity& activity,
                 UnknownDevices& unknown_devices, Identity* identity, std::function<void()> observed,
                 Logger& log, PayloadRenderer* renderer = nullptr)
      : checkins_(checkins),
        reports_(reports),
        payloads_(payloads),
        activity_(activity),
        unknown_devices_(unknown_devices),
        identity_(identity),
        observed_(std::move(observed)),
        log_(log),
        renderer_(renderer) {}

  /// Messages that are malformed, or whose sender is not proven, are answered 400, never 401 or 403: a device
  /// takes those for "no longer managed" and removes its enrollment (mdm-core.md 1.5). Only `unknown_devices`
  /// may say so, where the operator wants it.
  std::vector<http::Route> routes();

 private:
  enum class Expected : std::uint8_t { either, checkin, report };
  Task<http::Response> serve(http::Request request, Expected expected);
  Task<http::Response> serve_checkin(http::Request request, plist::Dict message);
  Task<http::Response> serve_report(http::Request request, plist::Dict message);
  /// What surrounds the message, once its sender is proven.
  Task<Result<MessageContext>> admit(http::Request request, Claim claim);
  Task<http::Response> refuse(Error error, std::string udid, std::string request_id);
  /// The next command, or nothing. What cannot be made fails as if the device had refused it, and the one
  /// after it is next.
  Task<http::Response> hand_out(ReportOutcome outcome, EnrollmentId enrollment, std::string request_id);
  Task<Result<SharedPayload>> rendered(std::int64_t enrollment, std::int32_t payload);
  Task<Result<ReportOutcome>> give_up(EnrollmentId enrollment, std::string uuid, std::string why,
                                      std::string request_id);

  CheckinStore& checkins_;
  ReportStore& reports_;
  PayloadCache& payloads_;
  Activity& activity_;
  UnknownDevices& unknown_devices_;
  Identity* identity_;
  std::function<void()> observed_;  ///< Rings the reconciler's doorbell.
  Logger& log_;
  PayloadRenderer* renderer_;
};

}  // namespace mooring::core
