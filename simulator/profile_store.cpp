// SPDX-License-Identifier: Apache-2.0
#include "simulator/profile_store.hpp"

#include <algorithm>

#include "base/crypto/crypto.hpp"
#include "base/plist/plist.hpp"

namespace mooring::simulator {
namespace {

std::unexpected<Error> malformed(std::string why) {
  return fail(Failure::invalid, "profile.malformed", std::move(why));
}

std::string optional_text(const plist::Dict& dict, std::string_view key) {
  const auto* text = dict.string(key);
  return text == nullptr ? std::string() : *text;
}

void put_text(plist::Dict& dict, const char* key, const std::string& text) {
  if (!text.empty()) dict.set(key, text);
}

Result<InstalledPayload> read_payload(const plist::Value& value) {
  const auto* dict = value.as<plist::Dict>();
  if (dict == nullptr) return malformed("a payload is not a dictionary");
  for (const auto* key : {"PayloadType", "PayloadIdentifier", "PayloadUUID"}) {
    if (dict->string(key) == nullptr) return malformed(std::string("a payload has no ") + key);
  }
  InstalledPayload payload{.type = *dict->string("PayloadType"),
                           .identifier = *dict->string("PayloadIdentifier"),
                           .uuid = *dict->string("PayloadUUID"),
                           .display_name = optional_text(*dict, "PayloadDisplayName"),
                           .version = dict->integer("PayloadVersion").value_or(1)};
  const auto* content = dict->data("PayloadContent");
  const bool certificate =
      payload.type == "com.apple.security.root" || payload.type == "com.apple.security.pkcs1";
  if (certificate && content != nullptr) payload.certificate = content->bytes;
  return payload;
}

Result<InstalledProfile> read_dict(const plist::Dict& dict) {
  for (const auto* key : {"PayloadIdentifier", "PayloadUUID", "PayloadType"}) {
    if (dict.string(key) == nullptr) return malformed(std::string("the profile has no ") + key);
  }
  if (*dict.string("PayloadType") != "Configuration")
    return malformed("the PayloadType is not Configuration");
  const auto* content = dict.array("PayloadContent");
  if (content == nullptr) return malformed("the profile has no array PayloadContent");
  InstalledProfile profile{.identifier = *dict.string("PayloadIdentifier"),
                           .uuid = *dict.string("PayloadUUID"),
                           .display_name = optional_text(dict, "PayloadDisplayName"),
                           .organization = optional_text(dict, "PayloadOrganization"),
                           .description = optional_text(dict, "PayloadDescription"),
                           .version = dict.integer("PayloadVersion").value_or(1),
                           .removal_disallowed = dict.boolean("PayloadRemovalDisallowed").value_or(false)};
  for (const auto& value : *content) {
    auto payload = read_payload(value);
    if (!payload) return std::unexpected(payload.error());
    profile.payloads.push_back(std::move(*payload));
  }
  return profile;
}

plist::Dict payload_entry(const InstalledPayload& payload) {
  plist::Dict entry{{"PayloadType", payload.type},
                    {"PayloadVersion", payload.version},
                    {"PayloadIdentifier", payload.identifier}};
  put_text(entry, "PayloadDisplayName", payload.display_name);
  return entry;
}

plist::Dict profile_entry(const InstalledProfile& profile, const schema::Target& target) {
  const bool mac = target.platform == schema::Platform::macos;
  plist::Dict entry{{"PayloadIdentifier", profile.identifier},
                    {"PayloadUUID", profile.uuid},
                    {"PayloadVersion", profile.version},
                    {"PayloadRemovalDisallowed", profile.removal_disallowed},
                    {"HasRemovalPasscode", false},
                    {"IsEncrypted", false}};
  put_text(entry, "PayloadDisplayName", profile.display_name);
  put_text(entry, "PayloadOrganization", profile.organization);
  put_text(entry, "PayloadDescription", profile.description);
  if (!mac) entry.set("IsManaged", profile.managed);
  const char* with_uuids = mac ? "14.0" : "17.0";
  plist::Array content;
  for (const auto& payload : profile.payloads) {
    auto inner = payload_entry(payload);
    if (schema::compare_versions(target.os_version, with_uuids) >= 0) inner.set("PayloadUUID", payload.uuid);
    content.emplace_back(std::move(inner));
  }
  entry.set("PayloadContent", std::move(content));
  return entry;
}

}  // namespace

Result<InstalledProfile> read_profile(std::string_view bytes) {
  std::string content(bytes);
  if (crypto::looks_like_cms(bytes)) {
    auto inner = crypto::cms_content(bytes);
    if (!inner) return malformed(inner.error().message);
    content = std::move(*inner);
  }
  const auto dict = plist::parse_dict(content);
  if (!dict) return malformed(dict.error().message);
  auto profile = read_dict(*dict);
  if (profile) profile->content = bytes;
  return profile;
}

void ProfileStore::install(InstalledProfile profile) {
  const auto same = std::ranges::find(profiles_, profile.identifier, &InstalledProfile::identifier);
  if (same == profiles_.end()) {
    profiles_.push_back(std::move(profile));
  } else {
    *same = std::move(profile);
  }
}

bool ProfileStore::remove(std::string_view identifier) {
  return std::erase_if(profiles_, [&](const auto& profile) { return profile.identifier == identifier; }) > 0;
}

void ProfileStore::remove_managed() {
  std::erase_if(profiles_, [](const auto& profile) { return profile.managed; });
}

const InstalledProfile* ProfileStore::find(std::string_view identifier) const {
  const auto found = std::ranges::find(profiles_, identifier, &InstalledProfile::identifier);
  return found == profiles_.end() ? nullptr : &*found;
}

plist::Array ProfileStore::listing(bool managed_only, const schema::Target& target) const {
  plist::Array entries;
  for (const auto& profile : profiles_) {
    if (profile.managed || !managed_only) entries.emplace_back(profile_entry(profile, target));
  }
  return entries;
}

plist::Array ProfileStore::certificates() const {
  plist::Array entries;
  for (const auto& profile : profiles_) {
    for (const auto& payload : profile.payloads) {
      if (payload.certificate.empty()) continue;
      entries.emplace_back(plist::Dict{{"CommonName", payload.display_name},
                                       {"IsIdentity", false},
                                       {"Data", plist::Data{payload.certificate}}});
    }
  }
  return entries;
}

}  // namespace mooring::simulator
