// SPDX-License-Identifier: Apache-2.0
#include "director/observed_profiles.hpp"

#include <algorithm>
#include <array>
#include <tuple>

namespace mooring::director {
namespace {

constexpr char kFieldEnd = '\x1f';
constexpr char kRecordEnd = '\n';

/// A control character in a device's text would read as the end of a field.
void clean(std::string& text) {
  std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
}

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return out;
}

std::string text_or_empty(const plist::Dict& dict, std::string_view key) {
  const auto* text = dict.string(key);
  return text == nullptr ? std::string() : *text;
}

}  // namespace

ObservedProfiles::ObservedProfiles(std::vector<ObservedProfile> profiles) : profiles_(std::move(profiles)) {
  for (auto& profile : profiles_) {
    for (auto* text : {&profile.identifier, &profile.uuid, &profile.display_name, &profile.source})
      clean(*text);
  }
  std::ranges::sort(profiles_, [](const ObservedProfile& a, const ObservedProfile& b) {
    return std::tie(a.identifier, a.uuid) < std::tie(b.identifier, b.uuid);
  });
}

Result<ObservedProfiles> ObservedProfiles::from_report(const plist::Dict& report) {
  const auto* list = report.array("ProfileList");
  if (list == nullptr) return fail(Failure::invalid, "profile_list.absent", "the report has no ProfileList");
  std::vector<ObservedProfile> profiles;
  for (const auto& entry : *list) {
    const auto* dict = entry.as<plist::Dict>();
    const auto* identifier = dict == nullptr ? nullptr : dict->string("PayloadIdentifier");
    const auto* uuid = dict == nullptr ? nullptr : dict->string("PayloadUUID");
    if (identifier == nullptr || uuid == nullptr) {
      return fail(Failure::invalid, "profile_list.partial",
                  "an entry of ProfileList lacks PayloadIdentifier or PayloadUUID");
    }
    profiles.push_back({*identifier, upper(*uuid), text_or_empty(*dict, "PayloadDisplayName"),
                        text_or_empty(*dict, "Source")});
  }
  return ObservedProfiles(std::move(profiles));
}

const ObservedProfile* ObservedProfiles::find(std::string_view identifier) const {
  const auto found = std::ranges::lower_bound(
      profiles_, identifier, {}, [](const ObservedProfile& p) { return std::string_view(p.identifier); });
  return found != profiles_.end() && found->identifier == identifier ? &*found : nullptr;
}

std::string ObservedProfiles::encode() const {
  std::string out;
  for (const auto& profile : profiles_) {
    out.append(profile.identifier).append(1, kFieldEnd).append(profile.uuid).append(1, kFieldEnd);
    out.append(profile.display_name).append(1, kFieldEnd).append(profile.source).append(1, kRecordEnd);
  }
  return out;
}

ObservedProfiles ObservedProfiles::decode(std::string_view encoded) {
  ObservedProfiles list;
  while (!encoded.empty()) {
    std::array<std::string_view, 4> fields;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const auto end = encoded.find(i + 1 < fields.size() ? kFieldEnd : kRecordEnd);
      if (end == std::string_view::npos) return list;
      fields[i] = encoded.substr(0, end);
      encoded.remove_prefix(end + 1);
    }
    list.profiles_.push_back(
        {std::string(fields[0]), std::string(fields[1]), std::string(fields[2]), std::string(fields[3])});
  }
  return list;
}

}  // namespace mooring::director
