// SPDX-License-Identifier: Apache-2.0
#include "core/enroll/detail/payload_rules.hpp"

#include <array>
#include <set>

#include "core/enroll/detail/json_plist.hpp"
#include "schema/check.hpp"
#include "schema/schema.hpp"

namespace mooring::core::enroll::detail {
namespace {

/// Types and values against the schema; nothing is demanded, since what is left out is filled in.
Result<> check_given(const schema::Key* keys, const plist::Dict& given, const std::string& path) {
  if (keys == nullptr) return {};
  schema::Problems problems;
  schema::check_dict(*keys, given, {}, problems);
  for (const auto& problem : problems) {
    if (problem.what != "is missing") return invalid(path + "." + problem.path, problem.what);
  }
  return {};
}

Result<> refuse_made_keys(const plist::Dict& given, const std::string& path) {
  for (const auto* key :
       {"PayloadType", "PayloadVersion", "PayloadIdentifier", "PayloadUUID", "IdentityCertificateUUID"}) {
    if (given.find(key) != nullptr) return invalid(path + "." + key, "is made by the server: leave it out");
  }
  return {};
}

Result<> check_url(const plist::Dict& given, const char* key, const std::string& path) {
  const auto* url = given.string(key);
  if (url == nullptr) return {};
  const bool good = url->starts_with("https://") && url->size() > 8 &&
                    url->find_first_of(" \t\r\n#\"<>\\") == std::string::npos;
  if (!good) return invalid(path + "." + key, "must be a URL that begins with https://");
  return {};
}

Result<> check_access_rights(const plist::Dict& mdm) {
  const auto rights = mdm.integer("AccessRights");
  if (!rights) return {};
  const std::string path = "mdm.AccessRights";
  if (*rights < 1 || *rights > 8191) return invalid(path, "must be between 1 and 8191 (all rights)");
  const auto bits = static_cast<std::uint64_t>(*rights);
  if ((bits & 2U) != 0 && (bits & 1U) == 0) {
    return invalid(path, "has 2 (install profiles), which needs 1 (inspect profiles)");
  }
  if ((bits & 128U) != 0 && (bits & 64U) == 0) {
    return invalid(path, "has 128 (install provisioning profiles), which needs 64 (inspect them)");
  }
  return {};
}

Result<> check_capabilities(const plist::Dict& mdm) {
  const auto* list = mdm.array("ServerCapabilities");
  if (list == nullptr) return {};
  std::set<std::string> seen;
  for (const auto& element : *list) {
    const auto* text = element.as<std::string>();
    if (text != nullptr && !seen.insert(*text).second) {
      return invalid("mdm.ServerCapabilities", "names " + *text + " twice");
    }
  }
  return {};
}

Result<> check_enrollment_mode(const Settings& settings) {
  const auto* mode = settings.mdm.string("EnrollmentMode");
  if (mode == nullptr || !settings.account_driven) return {};
  const std::string wanted = settings.account_driven->version == "mdm-byod" ? "BYOD" : "ADDE";
  if (*mode == wanted) return {};
  return invalid("mdm.EnrollmentMode", "is " + *mode + ", but account_driven.version " +
                                           settings.account_driven->version + " means " + wanted);
}

Result<> check_scep(const plist::Dict& scep) {
  const auto* keys = schema::Schema::apple().payload("com.apple.security.scep");
  const auto* content = keys == nullptr ? nullptr : keys->request.find("PayloadContent");
  if (auto good = check_given(content, scep, "scep"); !good) return good;
  if (scep.string("Challenge") != nullptr && scep.string("URL") == nullptr) {
    return invalid("scep.Challenge",
                   "is for a certificate authority elsewhere (scep.URL): here every download has its own");
  }
  if (const auto* url = scep.string("URL"); url != nullptr && !url->starts_with("http")) {
    return invalid("scep.URL", "must be a URL that begins with https:// or http://");
  }
  if (const auto* type = scep.string("Key Type"); type != nullptr && *type != "RSA") {
    return invalid("scep.Key Type", "must be RSA: SCEP on devices knows no other");
  }
  const auto* subject = scep.array("Subject");
  for (std::size_t i = 0; subject != nullptr && i < subject->size(); ++i) {
    for (const auto& pair : *(*subject)[i].as<plist::Array>()) {
      if (pair.as<plist::Array>()->size() == 2) continue;
      return invalid("scep.Subject[" + std::to_string(i) + "]", "must hold pairs of a name and a value");
    }
  }
  return {};
}

}  // namespace

Result<> check_mdm(const Settings& settings) {
  const auto& mdm = settings.mdm;
  if (auto good = refuse_made_keys(mdm, "mdm"); !good) return good;
  const auto* keys = schema::Schema::apple().payload("com.apple.mdm");
  if (auto good = check_given(keys == nullptr ? nullptr : &keys->request, mdm, "mdm"); !good) return good;
  if (const auto* topic = mdm.string("Topic"); topic != nullptr && !topic->starts_with("com.apple.mgmt.")) {
    return invalid("mdm.Topic", "must begin with com.apple.mgmt.");
  }
  for (const auto* key : {"ServerURL", "CheckInURL"}) {
    if (auto good = check_url(mdm, key, "mdm"); !good) return good;
  }
  if (auto good = check_access_rights(mdm); !good) return good;
  if (auto good = check_capabilities(mdm); !good) return good;
  return check_enrollment_mode(settings);
}

Result<> check_identity(const Settings& settings, bool scep_given) {
  if (!settings.identity) return check_scep(settings.scep);
  if (scep_given) return invalid("identity", "and scep exclude each other: leave one of them out");
  const auto* type = settings.identity->string("PayloadType");
  if (type == nullptr || (*type != "com.apple.security.acme" && *type != "com.apple.security.pkcs12")) {
    return invalid("identity.PayloadType", "must be com.apple.security.acme or com.apple.security.pkcs12");
  }
  // All that its own file of the schema demands must be there; what all payloads share is filled in.
  for (const auto& problem : schema::Schema::apple().check_payload(*settings.identity)) {
    const bool filled = problem.what == "is missing" && problem.path.starts_with("Payload") &&
                        problem.path != "PayloadContent";
    if (!filled) return invalid("identity." + problem.path, problem.what);
  }
  return {};
}

Result<> check_extra_payload(const plist::Dict& payload, const std::string& path) {
  const auto* type = payload.string("PayloadType");
  if (type == nullptr || type->empty()) return invalid(path + ".PayloadType", "is missing");
  if (*type == "com.apple.mdm" || *type == "Configuration") {
    return invalid(path + ".PayloadType", "is made by the server: " + *type);
  }
  for (const auto& problem : schema::Schema::apple().check_payload(payload)) {
    if (problem.what != "is missing") return invalid(path + "." + problem.path, problem.what);
  }
  return {};
}

}  // namespace mooring::core::enroll::detail
