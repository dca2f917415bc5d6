// SPDX-License-Identifier: Apache-2.0
// The payloads of one enrollment profile, with their names: what builder.hpp puts together.
#pragma once

#include <string>
#include <string_view>

#include "core/enroll/builder.hpp"

namespace mooring::core::enroll::detail {

std::string identifier_of(std::string_view name, const Settings& settings);

class ProfileMaker {
 public:
  ProfileMaker(std::string_view name, const Settings& settings, const Surroundings& surroundings,
               const Ticket& ticket)
      : name_(name),
        settings_(settings),
        surroundings_(surroundings),
        ticket_(ticket),
        identifier_(identifier_of(name, settings)) {}

  /// Derived from the ticket's seed.
  std::string uuid(const std::string& role) const;
  plist::Dict identity() const;
  /// com.apple.mdm without its references to other payloads; Topic may be empty.
  plist::Dict mdm() const;
  plist::Array trust() const;
  plist::Array extras() const;
  plist::Dict container(plist::Array payloads) const;

 private:
  /// What every payload has, before or instead of what it says itself.
  plist::Dict payload(const std::string& type, const std::string& role,
                      const std::string& display_name) const;
  plist::Dict scep() const;
  plist::Value substituted(const plist::Value& value) const;
  std::string with_query(std::string url) const;
  void add_account(plist::Dict& mdm) const;

  std::string_view name_;
  const Settings& settings_;
  const Surroundings& surroundings_;
  const Ticket& ticket_;
  std::string identifier_;
};

}  // namespace mooring::core::enroll::detail
