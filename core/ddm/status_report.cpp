// SPDX-License-Identifier: Apache-2.0
#include "core/ddm/status_report.hpp"

#include <nlohmann/json.hpp>

namespace mooring::core::ddm {
namespace {

constexpr std::size_t kLargestStatusReport = std::size_t{4} << 20U;

}  // namespace

Result<StatusReport> read_status_report(std::string_view json) {
  if (json.size() > kLargestStatusReport) {
    return fail(Failure::too_large, "declaration_status.too_large", "a status report of more than 4 MiB");
  }
  const bool shallow = is_shallow(json);
  const auto object = shallow ? nlohmann::json::parse(json, nullptr, false) : nlohmann::json();
  if (!object.is_object()) {
    return fail(Failure::invalid, "declaration_status.malformed", "a status report that is no JSON object");
  }
  StatusReport report;
  if (const auto full = object.find("FullReport"); full != object.end() && full->is_boolean()) {
    report.full = full->get<bool>();
  }
  auto item = object.find("StatusItems");
  if (item == object.end() || !item->is_object()) return report;
  const auto management = item->find("management");
  if (management == item->end() || !management->is_object()) return report;
  const auto declarations = management->find("declarations");
  if (declarations != management->end() && declarations->is_object())
    report.declarations = declarations->dump();
  return report;
}

}  // namespace mooring::core::ddm
