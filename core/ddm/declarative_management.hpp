// SPDX-License-Identifier: Apache-2.0
// The check-in by which devices fetch their declarations and report on them (Apple:
// mdm/checkin/declarativemanagement.yaml). Device and user channels alike.
#pragma once

#include <string>

#include "base/plist/value.hpp"
#include "core/checkin_services.hpp"
#include "core/ddm/declaration.hpp"

namespace mooring::core::ddm {

class DeclarativeManagement {
 public:
  explicit DeclarativeManagement(CheckinServices services) : s_(services) {}

  /// Answers JSON. Errors: checkin.missing_key (Endpoint), checkin.unknown_enrollment,
  /// declarations.unknown_endpoint, declaration.unknown (404), those of read_status_report.
  Task<Result<CheckinOutcome>> handle(EnrollmentId enrollment, plist::Dict message, MessageContext context);

 private:
  Task<Result<CheckinOutcome>> tokens(EnrollmentId enrollment, std::string endpoint, EventExtras extras);
  Task<Result<CheckinOutcome>> declaration(EnrollmentId enrollment, std::string endpoint, EventExtras extras);
  Task<Result<CheckinOutcome>> status(EnrollmentId enrollment, std::string report, EventExtras extras);

  CheckinServices s_;
};

}  // namespace mooring::core::ddm
