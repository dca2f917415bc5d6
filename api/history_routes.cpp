// SPDX-License-Identifier: Apache-2.0
// /v1/changes and /v1/devices/{id}/items/{name}/history: what was declared and by whom, and what became of
// it.
#include <fmt/format.h>

#include <array>

#include "api/detail/endpoint.hpp"
#include "api/detail/json.hpp"
#include "base/encoding.hpp"
#include "director/devices.hpp"
#include "director/history.hpp"
#include "reconciler/item_state.hpp"

namespace mooring::api::detail {
namespace {

using director::HistorySource;

Json change_json(const director::LoggedChange& change) {
  return {{"at", to_rfc3339(change.at)},
          {"actor", change.actor},
          {"action", change.action},
          {"profile", json_of(change.item_name)},
          {"payload_uuid", json_of(change.payload_uuid)},
          {"scope", json_of(change.scope)},
          {"detail", stored_json(change.detail)}};
}

Result<Answer> get_changes(Call call) {
  const auto page = numbered_page_of(call.request, "changes");
  if (!page) return std::unexpected(page.error());
  const auto profile = query_text(call.request, "profile");
  if (!profile) return std::unexpected(profile.error());
  auto changes = director::list_changes(call.db, *profile, page->after, page->limit + 1);
  std::optional<std::string> next;
  if (changes.size() > static_cast<std::size_t>(page->limit)) {
    changes.pop_back();
    next = make_cursor("changes", std::to_string(changes.back().id));
  }
  auto items = Json::array();
  for (const auto& change : changes) items.push_back(change_json(change));
  return json_response(200, page_json(std::move(items), next));
}

Json state_or_null(const std::optional<std::int16_t>& state) {
  if (!state) return {};
  return reconciler::name_of(static_cast<reconciler::ItemState>(*state));
}

std::string_view kind_of_entry(const director::HistoryEntry& entry) {
  switch (entry.source) {
    case HistorySource::declared:
      return "declared";
    case HistorySource::queued:
      return "queued";
    case HistorySource::answered:
      return "answered";
    case HistorySource::cause:
    case HistorySource::outcome:
      break;
  }
  return director::name_of(entry.kind);
}

/// A sentence where the state has a reason, what the device or somebody said where there is none.
Json words_of_entry(const director::HistoryEntry& entry) {
  const bool of_state = entry.kind == director::HistoryKind::state &&
                        (entry.source == HistorySource::cause || entry.source == HistorySource::outcome);
  if (!of_state) return {};
  return text_or_null(
      reconciler::sentence_of(static_cast<reconciler::Reason>(entry.reason_code), entry.detail.value_or("")));
}

Json what_of_entry(const director::HistoryEntry& entry) {
  if (entry.what) return *entry.what;
  return entry.kind == director::HistoryKind::asked ? json_of(entry.detail) : Json();
}

Json entry_json(const director::HistoryEntry& entry) {
  const bool has_json = entry.source == HistorySource::declared || entry.source == HistorySource::answered;
  return {{"at", to_rfc3339(entry.at)},
          {"kind", kind_of_entry(entry)},
          {"what", what_of_entry(entry)},
          {"actor", json_of(entry.actor)},
          {"scope", json_of(entry.scope)},
          {"command_uuid", json_of(entry.command_uuid)},
          {"status", entry.status ? Json(core::name_of(*entry.status)) : Json()},
          {"payload_uuid", json_of(entry.payload_uuid)},
          {"from", state_or_null(entry.from_state)},
          {"to", state_or_null(entry.to_state)},
          {"reason", words_of_entry(entry)},
          {"detail", has_json ? stored_json(entry.detail) : Json()}};
}

std::string cursor_key(const director::HistoryEntry& entry) {
  return fmt::format("{}:{}:{}", entry.at.time_since_epoch().count(), static_cast<int>(entry.source),
                     entry.key);
}

std::optional<director::HistoryPosition> position_of_cursor(std::string_view text) {
  if (text.empty()) return director::HistoryPosition{};
  const auto first = text.find(':');
  const auto second = first == std::string_view::npos ? first : text.find(':', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto at = parse_number<std::int64_t>(text.substr(0, first));
  const auto source = parse_number<std::int16_t>(text.substr(first + 1, second - first - 1));
  constexpr std::int64_t kYear9999 = 253'402'300'799'000'000;
  if (!at || *at < 0 || *at > kYear9999 || !source) return std::nullopt;
  return director::HistoryPosition{
      .at = Time{Duration{*at}}, .source = *source, .key = std::string(text.substr(second + 1))};
}

Result<Answer> get_item_history(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  const auto name = call.request.param("name");
  const auto items = director::items_ever_named(call.db, name);
  if (items.empty()) {
    return fail(Failure::not_found, "profile.unknown",
                fmt::format("there never was a profile named {}", name));
  }
  const auto list = fmt::format("history.{}.{}", device->id, name);
  const auto page = page_of(call.request, list);
  if (!page) return std::unexpected(page.error());
  const auto after = position_of_cursor(page->after);
  if (!after) return bad_cursor();
  auto entries = director::history_of(call.db, device->id, items, *after, page->limit + 1);
  std::optional<std::string> next;
  if (entries.size() > static_cast<std::size_t>(page->limit)) {
    entries.pop_back();
    next = make_cursor(list, cursor_key(entries.back()));
  }
  auto json = Json::array();
  for (const auto& entry : entries) json.push_back(entry_json(entry));
  return json_response(200, page_json(std::move(json), next));
}

}  // namespace

std::span<const Endpoint> history_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/changes", Access::read, get_changes},
      Endpoint{"GET", "/v1/devices/{id}/items/{name}/history", Access::read, get_item_history},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail
