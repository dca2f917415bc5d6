// SPDX-License-Identifier: Apache-2.0
#include "core/event.hpp"

#include <array>

namespace mooring::core {
namespace {

struct KindNames {
  EventKind kind;
  std::string_view name;
  std::string_view topic;
};

constexpr std::array kKindNames{
    KindNames{EventKind::authenticated, "authenticated", "mdm.Authenticate"},
    KindNames{EventKind::token_updated, "token_updated", "mdm.TokenUpdate"},
    KindNames{EventKind::checked_out, "checked_out", "mdm.CheckOut"},
    KindNames{EventKind::command_reported, "command_reported", "mdm.Connect"},
    KindNames{EventKind::bootstrap_token_set, "bootstrap_token_set", "mdm.SetBootstrapToken"},
    KindNames{EventKind::bootstrap_token_read, "bootstrap_token_read", "mdm.GetBootstrapToken"},
    KindNames{EventKind::user_authenticated, "user_authenticated", "mdm.UserAuthenticate"},
    KindNames{EventKind::declarations_read, "declarations_read", "mdm.DeclarativeManagement"},
    KindNames{EventKind::declaration_status, "declaration_status", "mdm.DeclarativeManagement"},
    KindNames{EventKind::token_read, "token_read", "mdm.GetToken"},
    KindNames{EventKind::return_to_service, "return_to_service", "mdm.ReturnToService"},
    KindNames{EventKind::idle, "idle", "mdm.Connect"},
};

constexpr auto kAllKinds = [] {
  std::array<EventKind, kKindNames.size()> kinds{};
  for (std::size_t i = 0; i < kinds.size(); ++i) kinds[i] = kKindNames[i].kind;
  return kinds;
}();

const KindNames* names_of(EventKind kind) {
  for (const auto& names : kKindNames) {
    if (names.kind == kind) return &names;
  }
  return nullptr;
}

}  // namespace

std::span<const EventKind> event_kinds() { return kAllKinds; }

std::string_view name_of(EventKind kind) {
  const auto* names = names_of(kind);
  return names == nullptr ? "unknown" : names->name;
}

std::optional<EventKind> event_kind_named(std::string_view name) {
  for (const auto& names : kKindNames) {
    if (names.name == name) return names.kind;
  }
  return std::nullopt;
}

std::string_view topic_of(EventKind kind) {
  const auto* names = names_of(kind);
  return names == nullptr ? "mdm.Unknown" : names->topic;
}

EventKinds EventKinds::all_but_idle() {
  EventKinds kinds;
  for (const auto kind : kAllKinds) {
    if (kind != EventKind::idle) kinds.add(kind);
  }
  return kinds;
}

}  // namespace mooring::core
