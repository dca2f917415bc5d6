// SPDX-License-Identifier: Apache-2.0
#include "director/conflicts.hpp"

#include <algorithm>
#include <array>
#include <tuple>

#include "base/crypto/crypto.hpp"
#include "base/plist/plist.hpp"
#include "director/profile_document.hpp"

namespace mooring::director {
namespace {

constexpr pg::Statement kSettingsStore{"settings_store", R"(
insert into version_settings (version_id, payload_type, key, value_hash)
select $1, * from unnest($2::text[], $3::text[], $4::bytea[]) on conflict do nothing)"};
constexpr pg::Statement kSettingsConflicts{"settings_conflicts", R"(
select distinct mine.payload_type, mine.key, other.name
from version_settings mine
join versions v on v.id = mine.version_id join items own on own.id = v.item_id
join version_settings theirs on theirs.payload_type = mine.payload_type and theirs.key = mine.key
  and theirs.value_hash <> mine.value_hash
join items other on other.current_version = theirs.version_id and other.deleted_at is null
where mine.version_id = $1 and other.id <> own.id and other.slot <> own.slot
order by 1, 2, 3 limit 100)"};

constexpr std::size_t kValueHash = 16;
constexpr std::size_t kMostSettings = 2000;
constexpr std::size_t kLongestKey = 255;

/// Payload types of which each stands for itself: a network, an account, a certificate, a rule. Apple's
/// schema says of them that there may be several; where it says so of others (restrictions, passcodes,
/// preferences), a device adds them up key by key. Sorted.
constexpr std::array<std::string_view, 45> kEachForItself{
    "com.apple.ADCertificate.managed",
    "com.apple.AIM.account",
    "com.apple.DirectoryService.managed",
    "com.apple.NSExtension",
    "com.apple.TCC.configuration-profile-policy",
    "com.apple.airplay",
    "com.apple.airprint",
    "com.apple.associated-domains",
    "com.apple.caldav.account",
    "com.apple.carddav.account",
    "com.apple.cellularprivatenetwork.managed",
    "com.apple.declarations",
    "com.apple.dnsSettings.managed",
    "com.apple.eas.account",
    "com.apple.ews.account",
    "com.apple.extensiblesso",
    "com.apple.font",
    "com.apple.google-oauth",
    "com.apple.jabber.account",
    "com.apple.ldap.account",
    "com.apple.loginitems.managed",
    "com.apple.mail.managed",
    "com.apple.notificationsettings",
    "com.apple.osxserver.account",
    "com.apple.relay.managed",
    "com.apple.security.acme",
    "com.apple.security.certificatepreference",
    "com.apple.security.certificaterevocation",
    "com.apple.security.certificatetransparency",
    "com.apple.security.identitypreference",
    "com.apple.security.pem",
    "com.apple.security.pkcs1",
    "com.apple.security.pkcs12",
    "com.apple.security.root",
    "com.apple.security.scep",
    "com.apple.servicemanagement",
    "com.apple.subscribedcalendar.account",
    "com.apple.syspolicy.kernel-extension-policy",
    "com.apple.system-extension-policy",
    "com.apple.systempolicy.rule",
    "com.apple.vpn.managed",
    "com.apple.vpn.managed.applayer",
    "com.apple.webClip.managed",
    "com.apple.webcontent-filter",
    "com.apple.wifi.managed",
};

class Gatherer {
 public:
  void add(const plist::Dict& payload) {
    const auto* type = payload.string("PayloadType");
    if (type == nullptr || std::ranges::binary_search(kEachForItself, std::string_view(*type))) return;
    if (*type == "com.apple.ManagedClient.preferences") return add_preferences(payload);
    for (const auto& [key, value] : payload) {
      if (!key.starts_with("Payload")) add(*type, key, value);
    }
  }

  std::vector<Setting> take() {
    std::ranges::sort(settings_, [](const Setting& a, const Setting& b) {
      return std::tie(a.payload_type, a.key) < std::tie(b.payload_type, b.key);
    });
    const auto twice = std::ranges::unique(settings_, [](const Setting& a, const Setting& b) {
      return a.payload_type == b.payload_type && a.key == b.key;
    });
    settings_.erase(twice.begin(), twice.end());
    return std::move(settings_);
  }

 private:
  /// PayloadContent / domain / Forced or Set-Once / [] / mcx_preference_settings: the same as a payload of
  /// the domain's type.
  void add_preferences(const plist::Dict& payload) {
    const auto* content = payload.dict("PayloadContent");
    if (content == nullptr) return;
    for (const auto& [domain, value] : *content) {
      const auto* ways = value.as<plist::Dict>();
      if (ways == nullptr) continue;
      for (const auto& [way, list] : *ways) {
        const auto* entries = list.as<plist::Array>();
        if (entries != nullptr) add_entries(domain, *entries);
      }
    }
  }
  void add_entries(const std::string& domain, const plist::Array& entries) {
    for (const auto& entry : entries) {
      const auto* dict = entry.as<plist::Dict>();
      const auto* settings = dict == nullptr ? nullptr : dict->dict("mcx_preference_settings");
      if (settings == nullptr) continue;
      for (const auto& [key, value] : *settings) add(domain, key, value);
    }
  }
  void add(std::string_view type, std::string_view key, const plist::Value& value) {
    if (settings_.size() >= kMostSettings || key.size() > kLongestKey || type.size() > kLongestKey) return;
    if (key.find('\0') != std::string_view::npos || type.find('\0') != std::string_view::npos) return;
    const auto digest = crypto::sha256(plist::canonical(plist::Dict{{"v", value}}));
    settings_.push_back(
        {std::string(type), std::string(key), std::string(crypto::bytes_of(digest).substr(0, kValueHash))});
  }

  std::vector<Setting> settings_;
};

}  // namespace

std::vector<Setting> settings_of(std::string_view mobileconfig) {
  const auto profile = plist::parse_dict(mobileconfig, {.bytes = 2 * kLargestProfile});
  const auto* payloads = profile ? profile->array("PayloadContent") : nullptr;
  Gatherer gatherer;
  if (payloads == nullptr) return {};
  for (const auto& payload : *payloads) {
    if (const auto* dict = payload.as<plist::Dict>()) gatherer.add(*dict);
  }
  return gatherer.take();
}

void store_settings(pg::Connection& connection, std::int32_t version, const std::vector<Setting>& settings) {
  if (settings.empty()) return;
  std::vector<std::string_view> types, keys;
  std::vector<pg::Bytes> hashes;
  for (const auto& setting : settings) {
    types.push_back(setting.payload_type);
    keys.push_back(setting.key);
    hashes.push_back({setting.value_hash});
  }
  connection.exec(kSettingsStore, version, types, keys, hashes);
}

std::vector<Conflict> conflicts_of(pg::Connection& connection, std::int32_t version) {
  std::vector<Conflict> conflicts;
  for (const auto row : connection.exec(kSettingsConflicts, version))
    conflicts.push_back({row.text(0), row.text(1), row.text(2)});
  return conflicts;
}

}  // namespace mooring::director
