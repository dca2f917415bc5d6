// SPDX-License-Identifier: Apache-2.0
#include "core/identity/unknown_devices.hpp"

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

namespace mooring::core {
namespace {

constexpr pg::Statement kSystemOfDevice{
    "identity_device_system",
    "select coalesce(product_name, ''), coalesce(os_version, '') from devices where udid = $1"};

struct FirstVersion {
  std::string_view product;  ///< How the ProductName begins.
  int major;
  int minor = 0;
};
constexpr std::array kFirstVersions{
    FirstVersion{"iPhone", 17},  FirstVersion{"iPad", 17},  FirstVersion{"iPod", 17},
    FirstVersion{"AppleTV", 17}, FirstVersion{"Watch", 10}, FirstVersion{"RealityDevice", 1, 1},
    FirstVersion{"Mac", 14},     FirstVersion{"iMac", 14},  FirstVersion{"VirtualMac", 14},
};

struct System {
  std::string product_name;
  std::string os_version;
};

}  // namespace

bool knows_error_codes(std::string_view product_name, std::string_view os_version) {
  for (const auto& [product, first_major, first_minor] : kFirstVersions) {
    if (!product_name.starts_with(product)) continue;
    int major = 0;
    int minor = 0;
    const char* const end = os_version.data() + os_version.size();
    const auto [at, error] = std::from_chars(os_version.data(), end, major);
    if (error != std::errc()) return true;
    if (at != end && *at == '.') std::from_chars(at + 1, end, minor);
    return major > first_major || (major == first_major && minor >= first_minor);
  }
  return true;
}

http::Response unrecognized_device(bool knows_error_codes, std::string_view request_id) {
  constexpr const char* kWhy = "this device is not managed here";
  if (!knows_error_codes) {
    return http::problem(401, {Failure::unauthorized, "identity.unknown_device", kWhy}, request_id);
  }
  const nlohmann::json body{{"code", "com.apple.unrecognized.device"}, {"description", kWhy}};
  return http::Response::text(403, body.dump(), "application/json");
}

Task<http::Response> UnknownDevices::answer(std::string udid, Error otherwise, std::string request_id) {
  if (policy_ == UnknownDevicePolicy::ignore) co_return http::problem(otherwise, request_id);
  pg::Pool::Body<System> body = [udid = std::move(udid)](pg::Connection& connection) -> Result<System> {
    const auto rows = connection.exec(kSystemOfDevice, udid);
    if (rows.empty()) return System{};
    return System{.product_name = rows[0].text(0), .os_version = rows[0].text(1)};
  };
  const auto system = co_await pool_.run<System>(std::move(body));
  // A lost database must never cost a device its enrollment.
  if (!system) co_return http::problem(system.error(), request_id);
  co_return unrecognized_device(knows_error_codes(system->product_name, system->os_version), request_id);
}

}  // namespace mooring::core
