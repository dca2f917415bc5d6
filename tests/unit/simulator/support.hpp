// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/plist/plist.hpp"
#include "schema/schema.hpp"
#include "simulator/device.hpp"

namespace mooring::simulator::test {

inline const Time kStart = std::chrono::sys_days{std::chrono::year{2026} / 11 / 1};

inline Identity mac() {
  return {.udid = "66ADE930-5FDF-5EC4-8429-15640684C489",
          .serial = "C02MT66KFLHH",
          .model = "MNEJ3LL/A",
          .model_name = "MacBook Pro",
          .product_name = "Mac14,7",
          .os_version = "14.7.1",
          .build_version = "23H222",
          .device_name = "Fruit",
          .platform = Platform::mac};
}

inline Identity phone() {
  auto identity = mac();
  identity.udid = "00008110-001A2B3C4D5E6F70";
  identity.product_name = "iPhone15,4";
  identity.os_version = "18.1";
  identity.platform = Platform::iphone;
  return identity;
}

/// A profile whose version is its PayloadUUID.
inline std::string profile(const std::string& identifier, const std::string& uuid) {
  const plist::Dict payload{{"PayloadType", "com.apple.dock"},
                            {"PayloadIdentifier", identifier + ".dock"},
                            {"PayloadUUID", uuid + "-1"},
                            {"PayloadVersion", 1}};
  return plist::to_xml(plist::Dict{{"PayloadType", "Configuration"},
                                   {"PayloadIdentifier", identifier},
                                   {"PayloadUUID", uuid},
                                   {"PayloadVersion", 1},
                                   {"PayloadDisplayName", "Profile " + identifier},
                                   {"PayloadContent", plist::Array{payload}}});
}

inline plist::Dict command(const std::string& uuid, plist::Dict inner) {
  return {{"CommandUUID", uuid}, {"Command", std::move(inner)}};
}
inline plist::Dict install(const std::string& uuid, const std::string& bytes) {
  return command(uuid, {{"RequestType", "InstallProfile"}, {"Payload", plist::Data{bytes}}});
}
inline plist::Dict remove(const std::string& uuid, const std::string& identifier) {
  return command(uuid, {{"RequestType", "RemoveProfile"}, {"Identifier", identifier}});
}
inline plist::Dict list(const std::string& uuid, bool managed_only = true) {
  return command(uuid, {{"RequestType", "ProfileList"}, {"ManagedOnly", managed_only}});
}

inline std::string request_type(const plist::Dict& envelope) {
  const auto* inner = envelope.dict("Command");
  const auto* type = inner == nullptr ? nullptr : inner->string("RequestType");
  return type == nullptr ? std::string() : *type;
}

/// What the schema finds wrong with a report; empty is well.
inline std::string report_problems(const Device& device, const plist::Dict& envelope,
                                   const plist::Dict& report) {
  return schema::to_string(
      schema::Schema::apple().check_report(request_type(envelope), report, device.target()));
}

inline std::string status_of(const plist::Dict& report) { return *report.string("Status"); }

/// "domain code" of the first link.
inline std::string first_error(const plist::Dict& report) {
  const auto* chain = report.array("ErrorChain");
  if (chain == nullptr || chain->empty()) return "";
  const auto& link = *chain->front().as<plist::Dict>();
  return *link.string("ErrorDomain") + " " + std::to_string(*link.integer("ErrorCode"));
}

}  // namespace mooring::simulator::test
