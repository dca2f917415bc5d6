// SPDX-License-Identifier: Apache-2.0
// From reports as they were received to what a plan reads.
#include <nlohmann/json.hpp>

#include "base/plist/plist.hpp"
#include "director/inventory.hpp"
#include "reconciler/detail/rows.hpp"

namespace mooring::reconciler::detail {
namespace {

std::vector<core::ErrorChainItem> read_chain(std::string_view json) {
  std::vector<core::ErrorChainItem> chain;
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  if (!parsed.is_array()) return chain;
  for (const auto& entry : parsed) {
    chain.push_back({entry.value("ErrorCode", std::int64_t{0}), entry.value("ErrorDomain", std::string()),
                     entry.value("LocalizedDescription", std::string()),
                     entry.value("USEnglishDescription", std::string())});
  }
  return chain;
}

/// From the report's bytes to the director's form. What cannot be read counts as an error, never as an empty
/// list.
void digest(Observation& observation) {
  if (observation.item != core::kInventoryItem || observation.status != core::CommandStatus::acknowledged)
    return;
  const auto report = plist::parse_dict(observation.body);
  observation.body.clear();
  Result<std::string> digested = fail(Failure::invalid, "report.unreadable", "");
  if (report && observation.request_type == "ProfileList") {
    if (const auto list = director::ObservedProfiles::from_report(*report)) digested = list->encode();
  } else if (report && observation.request_type == "DeviceInformation") {
    digested = director::facts_from_report(*report);
    const auto* answers = report->dict("QueryResponses");
    const auto* build = answers == nullptr ? nullptr : answers->string("BuildVersion");
    if (build != nullptr) observation.build = *build;
  } else if (report && observation.request_type == "SecurityInfo") {
    digested = director::security_from_report(*report);
  } else if (report && observation.request_type == "CertificateList") {
    digested = director::certificates_from_report(*report);
  }
  if (digested) {
    observation.body = std::move(*digested);
  } else {
    observation.status = core::CommandStatus::error;
  }
}

}  // namespace

Observation read_observation(const pg::Row& row, std::int64_t own) {
  Observation o;
  o.event = row.int64(1);
  o.at = row.get<Time>(2);
  o.status = static_cast<core::CommandStatus>(row.get<std::int16_t>(3));
  o.request_type = row.text(4);
  o.item = row.get<std::int32_t>(5);
  o.version = row.get<std::optional<std::int32_t>>(6);
  if (!row.is_null(7)) o.error_chain = read_chain(row.get<pg::Json>(7).view);
  o.command_uuid = std::string(row.get<pg::Bytes>(9).view);
  if (!row.is_null(8)) o.body = std::string(row.get<pg::Bytes>(8).view);
  o.channel = channel_of(row.get<std::optional<std::int64_t>>(10).value_or(own), own);
  digest(o);
  return o;
}

}  // namespace mooring::reconciler::detail
