// SPDX-License-Identifier: Apache-2.0
#include "core/enroll/detail/profile_maker.hpp"

#include <set>
#include <utility>

#include "base/crypto/crypto.hpp"
#include "core/enroll/detail/text.hpp"

namespace mooring::core::enroll::detail {
namespace {

constexpr std::int64_t kAllRights = 8191;
constexpr std::int64_t kKeySize = 2048;
constexpr std::int64_t kSignAndEncrypt = 5;

}  // namespace

std::string identifier_of(std::string_view name, const Settings& settings) {
  return settings.identifier.empty() ? "mooring.enrollment." + std::string(name) : settings.identifier;
}

std::string ProfileMaker::uuid(const std::string& role) const {
  return crypto::Uuid::derived("enrollment profile", ticket_.seed + '\n' + std::string(name_) + '\n' + role)
      .text();
}

plist::Dict ProfileMaker::payload(const std::string& type, const std::string& role,
                                  const std::string& display_name) const {
  plist::Dict dict{{"PayloadType", type},
                   {"PayloadVersion", 1},
                   {"PayloadIdentifier", identifier_ + "." + role},
                   {"PayloadUUID", uuid(role)},
                   {"PayloadDisplayName", display_name}};
  if (!settings_.organization.empty()) dict.set("PayloadOrganization", settings_.organization);
  return dict;
}

plist::Dict ProfileMaker::identity() const {
  if (!settings_.identity) return scep();
  auto dict = payload(*settings_.identity->string("PayloadType"), "identity", "Device identity");
  for (const auto& [key, value] : *settings_.identity) dict.set(key, substituted(value));
  return dict;
}

/// Macs fill in these variables themselves; other devices do not, so what is known is filled in here.
plist::Value ProfileMaker::substituted(const plist::Value& value) const {
  if (const auto* text = value.as<std::string>()) {
    auto filled = *text;
    if (!ticket_.serial_number.empty()) filled = replace_all(filled, "%SerialNumber%", ticket_.serial_number);
    if (!ticket_.udid.empty()) filled = replace_all(filled, "%HardwareUUID%", ticket_.udid);
    return filled;
  }
  if (const auto* elements = value.as<plist::Array>()) {
    plist::Array filled;
    for (const auto& element : *elements) filled.push_back(substituted(element));
    return filled;
  }
  return value;
}

plist::Dict ProfileMaker::scep() const {
  const auto& given = settings_.scep;
  const auto rdn = [](const char* name, std::string value) {
    return plist::Value(plist::Array(1, plist::Value(plist::Array{name, std::move(value)})));
  };
  plist::Dict content{
      {"URL", surroundings_.device_url + "/scep"},
      {"Name", "mooring"},
      {"Subject", plist::Array{rdn("O", settings_.organization.empty() ? std::string("Mooring")
                                                                       : settings_.organization),
                               rdn("CN", ticket_.serial_number.empty() ? std::string("Device identity")
                                                                       : ticket_.serial_number)}},
      {"Keysize", kKeySize},
      {"Key Type", "RSA"},
      {"Key Usage", kSignAndEncrypt},
      {"KeyIsExtractable", false},
      {"AllowAllAppsAccess", false}};
  for (const auto& [key, value] : given) content.set(key, key == "Subject" ? substituted(value) : value);
  if (uses_own_scep(settings_)) content.set("Challenge", ticket_.challenge);
  auto dict = payload("com.apple.security.scep", "identity", "Device identity");
  dict.set("PayloadContent", std::move(content));
  return dict;
}

std::string ProfileMaker::with_query(std::string url) const {
  if (!settings_.url_params || ticket_.query.empty()) return url;
  return url + (url.contains('?') ? '&' : '?') + ticket_.query;
}

void ProfileMaker::add_account(plist::Dict& mdm) const {
  if (!ticket_.account_driven || !settings_.account_driven) return;
  mdm.set("EnrollmentMode", settings_.account_driven->version == "mdm-byod" ? "BYOD" : "ADDE");
  if (settings_.mdm.find("AssignedManagedAppleID") != nullptr) return;
  mdm.set("AssignedManagedAppleID",
          replace_all(settings_.account_driven->managed_apple_id, "{user}", ticket_.user_name));
}

plist::Dict ProfileMaker::mdm() const {
  auto dict = payload("com.apple.mdm", "mdm", "Device management");
  dict.set("Topic", surroundings_.topic);
  dict.set("ServerURL", surroundings_.device_url + "/mdm");
  // With a ServerURL of its own, check-ins go there too unless CheckInURL says otherwise.
  if (settings_.mdm.find("ServerURL") == nullptr) {
    dict.set("CheckInURL", surroundings_.device_url + "/mdm/checkin");
  }
  dict.set("SignMessage", true);
  dict.set("AccessRights", kAllRights);
  dict.set("ServerCapabilities", plist::Array{"com.apple.mdm.per-user-connections",
                                              "com.apple.mdm.bootstraptoken", "com.apple.mdm.token"});
  dict.set("CheckOutWhenRemoved", true);
  for (const auto& [key, value] : settings_.mdm) dict.set(key, value);
  for (const auto* key : {"ServerURL", "CheckInURL"}) {
    if (const auto* url = dict.string(key)) dict.set(key, with_query(*url));
  }
  add_account(dict);
  return dict;
}

plist::Array ProfileMaker::trust() const {
  std::vector<crypto::Certificate> all;
  if (settings_.automatic_trust) all = surroundings_.trust;
  all.insert(all.end(), settings_.certificates.begin(), settings_.certificates.end());
  plist::Array payloads;
  std::set<std::string> seen;
  for (const auto& certificate : all) {
    const auto hash = certificate.hash();
    if (!seen.insert(hash).second) continue;
    auto dict = payload(certificate.self_issued ? "com.apple.security.root" : "com.apple.security.pkcs1",
                        "trust." + hash.substr(0, 16), certificate.attribute("CN").value_or("Certificate"));
    dict.set("PayloadCertificateFileName", hash.substr(0, 16) + ".cer");
    dict.set("PayloadContent", plist::Data{certificate.der});
    payloads.emplace_back(std::move(dict));
  }
  return payloads;
}

plist::Array ProfileMaker::extras() const {
  plist::Array payloads;
  for (const auto& given : settings_.payloads) {
    const auto& type = *given.string("PayloadType");
    auto dict = payload(type, "extra." + std::to_string(payloads.size() + 1), type);
    for (const auto& [key, value] : given) dict.set(key, value);
    payloads.emplace_back(std::move(dict));
  }
  return payloads;
}

plist::Dict ProfileMaker::container(plist::Array payloads) const {
  plist::Dict dict{{"PayloadType", "Configuration"},
                   {"PayloadVersion", 1},
                   {"PayloadIdentifier", identifier_},
                   {"PayloadUUID", uuid("profile")},
                   {"PayloadDisplayName", settings_.display_name},
                   {"PayloadScope", settings_.scope}};
  if (!settings_.description.empty()) dict.set("PayloadDescription", settings_.description);
  if (!settings_.organization.empty()) dict.set("PayloadOrganization", settings_.organization);
  if (settings_.removal_disallowed) dict.set("PayloadRemovalDisallowed", true);
  if (!settings_.consent_text.empty()) dict.set("ConsentText", settings_.consent_text);
  dict.set("PayloadContent", std::move(payloads));
  return dict;
}

}  // namespace mooring::core::enroll::detail
