// SPDX-License-Identifier: Apache-2.0
#include "director/profile_document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/plist/plist.hpp"
#include "director/variables.hpp"

namespace mooring::director {
namespace {

constexpr std::size_t kLongestIdentifier = 255;
constexpr std::string_view kProfileUuidPurpose = "mooring.profile";

std::unexpected<Error> malformed_profile(std::string_view why) {
  return fail(Failure::invalid, "profile.malformed", fmt::format("the profile cannot be read: {}", why));
}

std::unexpected<Error> missing_profile_key(std::string_view where, std::string_view key,
                                           std::string_view type) {
  return fail(Failure::invalid, "profile.missing_key", fmt::format("{} has no {} ({})", where, key, type));
}

std::string optional_text(const plist::Dict& dict, std::string_view key) {
  const std::string* text = dict.string(key);
  return text == nullptr ? std::string() : *text;
}

Result<void> check_common_keys(const plist::Dict& payload, std::string_view where, bool with_uuid) {
  for (const std::string_view key : {"PayloadType", "PayloadIdentifier", "PayloadUUID"}) {
    if (key == "PayloadUUID" && !with_uuid) continue;
    const std::string* text = payload.string(key);
    if (text == nullptr || text->empty()) return missing_profile_key(where, key, "text");
  }
  if (!payload.integer("PayloadVersion")) return missing_profile_key(where, "PayloadVersion", "integer");
  return {};
}

Result<std::vector<std::string>> check_payloads(const plist::Dict& profile) {
  const plist::Array* payloads = profile.array("PayloadContent");
  if (payloads == nullptr) return missing_profile_key("the profile", "PayloadContent", "array");
  std::vector<std::string> types;
  std::size_t number = 0;
  for (const plist::Value& item : *payloads) {
    const std::string where = fmt::format("payload {} of the profile", ++number);
    const auto* payload = item.as<plist::Dict>();
    if (payload == nullptr) return malformed_profile(where + " is not a dictionary");
    if (auto checked = check_common_keys(*payload, where, true); !checked) {
      return std::unexpected(checked.error());
    }
    const std::string& type = *payload->string("PayloadType");
    if (std::ranges::find(types, type) == types.end()) types.push_back(type);
  }
  return types;
}

// The checks of the top level in the order in which their messages help most.
Result<void> check_profile(const plist::Dict& profile) {
  if (profile.find("EncryptedPayloadContent") != nullptr) {
    return fail(Failure::unsupported, "profile.encrypted",
                "the profile is encrypted for one device: upload it without encryption");
  }
  const std::string* type = profile.string("PayloadType");
  if (type == nullptr) return missing_profile_key("the profile", "PayloadType", "text");
  if (*type != "Configuration") {
    return fail(Failure::invalid, "profile.not_configuration",
                fmt::format("the PayloadType is {}, a profile has Configuration", type->substr(0, 64)));
  }
  const plist::Value* identifier = profile.find("PayloadIdentifier");
  if (identifier != nullptr) {
    const auto* text = identifier->as<std::string>();
    if (text == nullptr || text->empty() || text->size() > kLongestIdentifier) {
      return fail(Failure::invalid, "profile.bad_identifier",
                  "the PayloadIdentifier must be text of 1 to 255 bytes");
    }
  }
  // Its own UUID is replaced, so that a profile without one is as good.
  return check_common_keys(profile, "the profile", false);
}

Result<plist::Dict> unwrap(std::string_view uploaded, bool& was_signed) {
  std::string content;
  was_signed = crypto::looks_like_cms(uploaded);
  if (was_signed) {
    auto inner = crypto::cms_content(uploaded);
    if (!inner) return malformed_profile(inner.error().message);
    content = std::move(*inner);
    uploaded = content;
  }
  auto profile = plist::parse_dict(uploaded, {.bytes = kLargestProfile});
  if (!profile) return malformed_profile(profile.error().message);
  return profile;
}

/// The same text with its variables and without them are two contents.
crypto::Sha256 hash_of_content(plist::Dict profile, bool per_device) {
  profile.erase("PayloadUUID");
  const auto canonical = plist::canonical(std::move(profile));
  return crypto::sha256(per_device ? "variables:" + canonical : canonical);
}

}  // namespace

Result<ProfileDocument> read_profile(std::string_view uploaded, Variables variables) {
  if (uploaded.size() > kLargestProfile) {
    return fail(Failure::too_large, "profile.too_large",
                fmt::format("the profile has {} bytes, the limit is {}", uploaded.size(), kLargestProfile));
  }
  ProfileDocument document;
  auto profile = unwrap(uploaded, document.was_signed);
  if (!profile) return std::unexpected(profile.error());
  if (auto checked = check_profile(*profile); !checked) return std::unexpected(checked.error());
  auto types = check_payloads(*profile);
  if (!types) return std::unexpected(types.error());
  document.payload_types = std::move(*types);
  document.identifier = *profile->string("PayloadIdentifier");
  document.display_name = optional_text(*profile, "PayloadDisplayName");
  document.organization = optional_text(*profile, "PayloadOrganization");
  document.description = optional_text(*profile, "PayloadDescription");
  document.scope = optional_text(*profile, "PayloadScope");

  if (variables == Variables::on) {
    auto use = find_variables(*profile);
    if (!use) return std::unexpected(use.error());
    document.variables = std::move(use->names);
    document.per_device = use->any;
  }
  document.hash = hash_of_content(*profile, document.per_device);
  document.payload_uuid = crypto::Uuid::derived(
      kProfileUuidPurpose, fmt::format("{}:{}{}", document.identifier.size(), document.identifier,
                                       crypto::bytes_of(document.hash)));
  profile->set("PayloadUUID", document.payload_uuid.text());
  document.content = plist::to_xml(std::move(*profile));
  return document;
}

std::string install_profile_command(const ProfileDocument& profile) {
  return install_profile_command(profile.content);
}

std::string install_profile_command(std::string_view content) {
  return plist::to_xml_fragment(
      plist::Dict{{"RequestType", "InstallProfile"}, {"Payload", plist::Data{std::string(content)}}});
}

std::string remove_profile_command(std::string_view identifier) {
  return plist::to_xml_fragment(plist::Dict{{"RequestType", "RemoveProfile"}, {"Identifier", identifier}});
}

std::string profile_list_command(bool managed_only) {
  plist::Dict command{{"RequestType", "ProfileList"}};
  if (managed_only) command.set("ManagedOnly", true);
  return plist::to_xml_fragment(std::move(command));
}

}  // namespace mooring::director
