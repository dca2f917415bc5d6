// SPDX-License-Identifier: Apache-2.0
#include "director/inventory.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/clock.hpp"
#include "base/crypto/x509.hpp"
#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "director/profile_document.hpp"
#include "schema/schema.hpp"

namespace mooring::director {
namespace {

constexpr std::array<std::string_view, 2> kNotAsked{"DevicePropertiesAttestation", "PushToken"};
constexpr std::array<const char*, 2> kRecoveryKeys{"FDE_PersonalRecoveryKeyCMS",
                                                   "FDE_PersonalRecoveryKeyDeviceKey"};

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

/// As PostgreSQL can hold it: its text has no NUL.
std::string write_json(const nlohmann::json& json) {
  constexpr std::string_view kNul = "\\u0000";
  constexpr std::string_view kReplacement = "\\ufffd";
  std::string text = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  for (auto at = text.find(kNul); at != std::string::npos; at = text.find(kNul, at + kNul.size()))
    text.replace(at, kNul.size(), kReplacement);
  return text;
}

std::string command_without_keys(const char* request_type) {
  return plist::to_xml_fragment(plist::Dict{{"RequestType", request_type}});
}

nlohmann::json read_certificate(const plist::Dict& entry) {
  auto json = nlohmann::json::object();
  if (const auto* name = entry.string("CommonName")) json["common_name"] = *name;
  if (const auto identity = entry.boolean("IsIdentity")) json["is_identity"] = *identity;
  const auto* data = entry.data("Data");
  if (data == nullptr) return json;
  json["data"] = to_base64(data->bytes);
  const auto certificate = crypto::Certificate::from_der(data->bytes);
  if (!certificate) return json;
  json["subject"] = certificate->subject;
  json["issuer"] = certificate->issuer;
  json["serial"] = to_hex(certificate->serial);
  json["sha256"] = certificate->hash();
  json["not_before"] = to_rfc3339(certificate->not_before);
  json["not_after"] = to_rfc3339(certificate->not_after);
  return json;
}

}  // namespace

std::string profile_list_inventory_command() { return profile_list_command(false); }

std::string security_info_command() { return command_without_keys("SecurityInfo"); }

std::string certificate_list_command() { return command_without_keys("CertificateList"); }

std::vector<std::string> information_queries(const schema::Target& target) {
  auto queries = schema::Schema::apple().queries(target);
  std::erase_if(queries, [](const std::string& query) {
    return std::ranges::find(kNotAsked, query) != kNotAsked.end();
  });
  return queries;
}

std::string device_information_command(const schema::Target& target) {
  plist::Array queries;
  for (auto& query : information_queries(target)) queries.emplace_back(std::move(query));
  return plist::to_xml_fragment(
      plist::Dict{{"RequestType", "DeviceInformation"}, {"Queries", std::move(queries)}});
}

Result<std::string> facts_from_report(const plist::Dict& report) {
  const auto* responses = report.dict("QueryResponses");
  if (responses == nullptr) {
    return fail(Failure::invalid, "device_information.absent", "the report has no QueryResponses");
  }
  return write_json(to_json(*responses));
}

Result<std::string> security_from_report(const plist::Dict& report) {
  const auto* info = report.dict("SecurityInfo");
  if (info == nullptr) {
    return fail(Failure::invalid, "security_info.absent", "the report has no SecurityInfo");
  }
  auto json = to_json(*info);
  for (const auto* key : kRecoveryKeys) json.erase(key);
  return write_json(json);
}

Result<std::string> certificates_from_report(const plist::Dict& report) {
  const auto* list = report.array("CertificateList");
  if (list == nullptr) {
    return fail(Failure::invalid, "certificate_list.absent", "the report has no CertificateList");
  }
  std::vector<nlohmann::json> certificates;
  for (const auto& entry : *list) {
    if (const auto* dict = entry.as<plist::Dict>()) certificates.push_back(read_certificate(*dict));
  }
  // Devices list them in any order: the same certificates are the same answer.
  std::ranges::sort(certificates, {}, [](const nlohmann::json& c) { return c.value("data", std::string()); });
  return write_json(certificates);
}

}  // namespace mooring::director
