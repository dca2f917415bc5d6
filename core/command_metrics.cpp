// SPDX-License-Identifier: Apache-2.0
#include "core/command_metrics.hpp"

#include <string>

#include "schema/schema.hpp"

namespace mooring::core {

prometheus::Counter& commands_counter(Metrics& metrics, std::string_view request_type,
                                      std::string_view status) {
  const bool known = schema::Schema::apple().command(request_type) != nullptr;
  return metrics.counter(
      "mooring_commands_total", "Commands by type and what became of them.",
      {{"request_type", known ? std::string(request_type) : "other"}, {"status", std::string(status)}});
}

void make_command_counters(Metrics& metrics) {
  for (const char* type : {"InstallProfile", "RemoveProfile", "ProfileList", "DeviceInformation"}) {
    for (const char* status :
         {"queued", "acknowledged", "error", "command_format_error", "not_now", "cancelled", "expired"}) {
      commands_counter(metrics, type, status);
    }
  }
}

}  // namespace mooring::core
