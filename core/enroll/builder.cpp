// SPDX-License-Identifier: Apache-2.0
#include "core/enroll/builder.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/crypto/crypto.hpp"
#include "base/encoding.hpp"
#include "core/enroll/detail/json_plist.hpp"
#include "core/enroll/detail/profile_maker.hpp"

namespace mooring::core::enroll {

using detail::ProfileMaker;

namespace {

constexpr std::array kPinKeys{"ServerURLPinningCertificateUUIDs", "CheckInURLPinningCertificateUUIDs"};

/// A pin names a payload by its UUID, or a certificate of this profile by its SHA-256 in hexadecimal digits.
Result<plist::Array> resolve_pins(const plist::Array& pins, const plist::Array& payloads, const char* key) {
  plist::Array resolved;
  for (const auto& pin : pins) {
    const auto wanted = to_lower_ascii(*pin.as<std::string>());
    const auto found = std::ranges::find_if(payloads, [&](const plist::Value& value) {
      const auto& dict = *value.as<plist::Dict>();
      if (to_lower_ascii(*dict.string("PayloadUUID")) == wanted) return true;
      const auto* content = dict.data("PayloadContent");
      return content != nullptr && to_hex(crypto::bytes_of(crypto::sha256(content->bytes))) == wanted;
    });
    if (found == payloads.end()) {
      return detail::invalid(std::string("mdm.") + key,
                             "names " + *pin.as<std::string>() +
                                 ", which is neither the PayloadUUID of a payload nor the SHA-256 of a "
                                 "certificate in this profile");
    }
    resolved.emplace_back(*found->as<plist::Dict>()->string("PayloadUUID"));
  }
  return resolved;
}

/// The payloads that com.apple.mdm refers to: `others` and the identity.
Result<> refer(plist::Dict& mdm, const plist::Dict& identity, const plist::Array& others) {
  mdm.set("IdentityCertificateUUID", *identity.string("PayloadUUID"));
  for (const auto* key : kPinKeys) {
    const auto* pins = mdm.array(key);
    if (pins == nullptr) continue;
    auto resolved = resolve_pins(*pins, others, key);
    if (!resolved) return std::unexpected(resolved.error());
    mdm.set(key, std::move(*resolved));
  }
  return {};
}

Result<> all_different(const plist::Dict& profile) {
  for (const auto* key : {"PayloadUUID", "PayloadIdentifier"}) {
    std::set<std::string> seen{*profile.string(key)};
    for (const auto& payload : *profile.array("PayloadContent")) {
      const auto* text = payload.as<plist::Dict>()->string(key);
      if (text == nullptr) return detail::invalid(key, "of a payload is no text");
      if (!seen.insert(*text).second) return detail::invalid(key, *text + " stands in two payloads");
    }
  }
  return {};
}

}  // namespace

bool uses_own_scep(const Settings& settings) {
  return !settings.identity && settings.scep.string("URL") == nullptr;
}

Result<plist::Dict> build_profile(std::string_view name, const Settings& settings,
                                  const Surroundings& surroundings, const Ticket& ticket) {
  const ProfileMaker maker(name, settings, surroundings, ticket);
  auto payloads = maker.trust();
  for (auto& extra : maker.extras()) payloads.push_back(std::move(extra));
  auto identity = maker.identity();
  auto mdm = maker.mdm();
  if (mdm.string("Topic")->empty()) {
    return fail(
        Failure::conflict, "enrollment_profile.no_topic",
        "there is no push certificate yet, and the profile names no mdm.Topic: upload the certificate "
        "first, since devices never accept another topic");
  }
  if (auto referred = refer(mdm, identity, payloads); !referred) return std::unexpected(referred.error());
  payloads.emplace_back(std::move(identity));
  payloads.emplace_back(std::move(mdm));
  auto profile = maker.container(std::move(payloads));
  if (auto good = all_different(profile); !good) return std::unexpected(good.error());
  return profile;
}

plist::Dict build_identity_profile(std::string_view name, const Settings& settings,
                                   const Surroundings& surroundings, const Ticket& ticket) {
  const ProfileMaker maker(name, settings, surroundings, ticket);
  auto profile = maker.container(plist::Array(1, plist::Value(maker.identity())));
  // Not the enrollment profile itself, which must not be replaced by this one.
  profile.set("PayloadIdentifier", *profile.string("PayloadIdentifier") + ".ota");
  profile.set("PayloadUUID", maker.uuid("ota"));
  return profile;
}

}  // namespace mooring::core::enroll
