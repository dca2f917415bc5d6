// SPDX-License-Identifier: Apache-2.0
// What devices talk to: PUT /mdm (check-ins and reports on one URL), /mdm/checkin, /mdm/connect.
#pragma once

#include <vector>

#include "base/http/server.hpp"
#include "core/activity.hpp"
#include "core/checkin.hpp"
#include "core/payload_cache.hpp"
#include "core/report.hpp"

namespace mooring::core {

class DeviceEndpoint {
 public:
  DeviceEndpoint(CheckinStore& checkins, ReportStore& reports, PayloadCache& payloads, Activity& activity,
                 std::function<void()> observed, Logger& log)
      : checkins_(checkins),
        reports_(reports),
        payloads_(payloads),
        activity_(activity),
        observed_(std::move(observed)),
        log_(log) {}

  /// Malformed messages are answered 400, never 401 or 403: a device takes those for "no longer managed" and
  /// removes its enrollment (mdm-core.md 1.5).
  std::vector<http::Route> routes();

 private:
  enum class Expected : std::uint8_t { either, checkin, report };
  Task<http::Response> serve(http::Request request, Expected expected);
  Task<http::Response> serve_checkin(plist::Dict message, MessageContext context);
  Task<http::Response> serve_report(plist::Dict message, MessageContext context);

  CheckinStore& checkins_;
  ReportStore& reports_;
  PayloadCache& payloads_;
  Activity& activity_;
  std::function<void()> observed_;  ///< Rings the reconciler's doorbell.
  Logger& log_;
};

}  // namespace mooring::core
