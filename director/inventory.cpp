// SPDX-License-Identifier: Apache-2.0
#include "director/inventory.hpp"

#include <array>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "director/profile_document.hpp"

namespace mooring::director {
namespace {

constexpr std::array kQueries{"UDID",
                              "DeviceName",
                              "OSVersion",
                              "BuildVersion",
                              "ModelName",
                              "Model",
                              "ProductName",
                              "SerialNumber",
                              "HostName",
                              "LocalHostName",
                              "DeviceCapacity",
                              "AvailableDeviceCapacity",
                              "BatteryLevel",
                              "WiFiMAC",
                              "BluetoothMAC",
                              "IsSupervised",
                              "IsMDMLostModeEnabled",
                              "IsActivationLockEnabled",
                              "AwaitingConfiguration",
                              "TimeZone",
                              "IsAppleSilicon",
                              "SoftwareUpdateDeviceID",
                              "SupplementalBuildVersion",
                              "SupplementalOSVersionExtra"};

nlohmann::json to_json(const plist::Value& value);

struct ToJson {
  nlohmann::json operator()(const plist::Data& data) const { return to_base64(data.bytes); }
  nlohmann::json operator()(const plist::Date& date) const {
    return to_rfc3339(Time{std::chrono::seconds(date.unix_seconds)});
  }
  nlohmann::json operator()(const plist::Array& array) const {
    auto json = nlohmann::json::array();
    for (const auto& item : array) json.push_back(to_json(item));
    return json;
  }
  nlohmann::json operator()(const plist::Dict& dict) const {
    auto json = nlohmann::json::object();
    for (const auto& [key, value] : dict) json[key] = to_json(value);
    return json;
  }
  template <class Scalar>
  nlohmann::json operator()(const Scalar& scalar) const {
    return scalar;
  }
};

nlohmann::json to_json(const plist::Value& value) { return std::visit(ToJson{}, value.variant()); }

}  // namespace

std::string profile_list_inventory_command() { return profile_list_command(false); }

std::string device_information_command() {
  plist::Array queries;
  for (const char* query : kQueries) queries.emplace_back(query);
  return plist::to_xml_fragment(
      plist::Dict{{"RequestType", "DeviceInformation"}, {"Queries", std::move(queries)}});
}

Result<std::string> facts_from_report(const plist::Dict& report) {
  const auto* responses = report.dict("QueryResponses");
  if (responses == nullptr) {
    return fail(Failure::invalid, "device_information.absent", "the report has no QueryResponses");
  }
  return to_json(*responses).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace mooring::director
