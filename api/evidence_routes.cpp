// SPDX-License-Identifier: Apache-2.0
// /v1/devices/{id}/evidence: what others than the device say that it holds.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "api/detail/endpoint.hpp"
#include "api/detail/event_view.hpp"
#include "api/detail/json.hpp"
#include "director/devices.hpp"
#include "director/item_requests.hpp"
#include "director/outside_evidence.hpp"
#include "director/variables.hpp"
#include "reconciler/load.hpp"
#include "reconciler/outside.hpp"

namespace mooring::api::detail {
namespace {

constexpr std::size_t kMostReported = 2000;
constexpr std::size_t kLongestReported = 255;

std::unexpected<Error> bad_evidence(std::string_view what) {
  return fail(
      Failure::invalid, "evidence.malformed",
      fmt::format(
          "{}: \"profiles\" is a list of PayloadUUIDs, or of objects with \"payload_uuid\" and, where "
          "it is known, \"identifier\"",
          what));
}

std::string upper_case(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return text;
}

Result<reconciler::ReportedProfile> read_reported(const Json& entry) {
  if (entry.is_string()) return reconciler::ReportedProfile{.identifier = {}, .uuid = upper_case(entry)};
  if (!entry.is_object()) return bad_evidence("an entry is neither text nor an object");
  if (const auto known = check_keys(entry, {"payload_uuid", "identifier"}); !known)
    return std::unexpected(known.error());
  const auto uuid = required_text(entry, "payload_uuid");
  if (!uuid) return std::unexpected(uuid.error());
  const auto identifier = optional_text(entry, "identifier");
  if (!identifier) return std::unexpected(identifier.error());
  return reconciler::ReportedProfile{.identifier = identifier->value_or(""), .uuid = upper_case(*uuid)};
}

struct Report {
  std::string source;
  bool complete = true;
  std::vector<reconciler::ReportedProfile> profiles;
};

Result<Report> read_evidence(const http::Request& request) {
  const auto body = parse_object(request, {"source", "profiles", "complete"});
  if (!body) return std::unexpected(body.error());
  const auto source = required_text(*body, "source");
  if (!source) return std::unexpected(source.error());
  if (const auto named = check_consumer_name(*source); !named) {
    return fail(Failure::invalid, "evidence.bad_source",
                "a source is 1 to 64 letters, digits, dots, underscores or dashes");
  }
  const auto complete = optional_flag(*body, "complete");
  if (!complete) return std::unexpected(complete.error());
  const auto list = body->find("profiles");
  if (list == body->end() || !list->is_array()) return bad_evidence("\"profiles\" is no list");
  if (list->size() > kMostReported) return bad_evidence(fmt::format("more than {} profiles", kMostReported));
  Report report{.source = *source, .complete = complete->value_or(true), .profiles = {}};
  for (const auto& entry : *list) {
    auto profile = read_reported(entry);
    if (!profile) return std::unexpected(profile.error());
    if (profile->uuid.size() > kLongestReported || profile->identifier.size() > kLongestReported ||
        !is_storable(profile->uuid))
      return bad_evidence("an entry is too long, or no text");
    report.profiles.push_back(std::move(*profile));
  }
  return report;
}

std::vector<std::int32_t> items_of(const reconciler::DeviceSnapshot& snapshot) {
  std::set<std::int32_t> items;
  for (const auto& known : snapshot.own.items) items.insert(known.record.item);
  for (const auto& desired : *snapshot.desired) items.insert(desired.facts.item);
  return {items.begin(), items.end()};
}

/// A UUID alone is enough where it is one that Mooring made.
void add_identifiers(pg::Connection& connection, const reconciler::DeviceSnapshot& snapshot,
                     std::vector<reconciler::ReportedProfile>& profiles) {
  std::vector<std::string> versions;
  for (const auto& profile : profiles) {
    if (profile.identifier.empty() && crypto::Uuid::parse(profile.uuid))
      versions.emplace_back(director::version_part(profile.uuid));
  }
  if (versions.empty()) return;
  std::map<std::string, std::string> identifiers;
  for (auto& version : director::known_versions(connection, items_of(snapshot), versions))
    identifiers[std::string(director::version_part(version.identity.text()))] = std::move(version.identifier);
  for (auto& profile : profiles) {
    if (!profile.identifier.empty() || !crypto::Uuid::parse(profile.uuid)) continue;
    const auto found = identifiers.find(std::string(director::version_part(profile.uuid)));
    if (found != identifiers.end()) profile.identifier = found->second;
  }
}

Json findings_json(pg::Connection& connection, const reconciler::OutsideJudgement& judgement) {
  std::vector<std::int32_t> items;
  for (const auto& finding : judgement.findings) items.push_back(finding.item);
  std::map<std::int32_t, std::string> names;
  for (auto& entry : director::names_of_items(connection, items)) names[entry.item] = std::move(entry.name);
  auto json = Json::array();
  for (const auto& finding : judgement.findings) {
    json.push_back({{"profile", names[finding.item]},
                    {"problem", reconciler::name_of(finding.problem)},
                    {"identifier", finding.identifier},
                    {"declared_payload_uuid", text_or_null(finding.declared_uuid)},
                    {"reported_payload_uuid", text_or_null(finding.reported_uuid)}});
  }
  return json;
}

std::string content_of(const Report& report) {
  auto profiles = Json::array();
  for (const auto& profile : report.profiles)
    profiles.push_back({{"identifier", text_or_null(profile.identifier)}, {"payload_uuid", profile.uuid}});
  return Json{{"complete", report.complete}, {"profiles", std::move(profiles)}}.dump();
}

Result<Answer> post_evidence(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  auto report = read_evidence(call.request);
  if (!report) return std::unexpected(report.error());
  const auto snapshot = reconciler::peek(call.db, device->id, call.now);
  if (!snapshot || !snapshot->row.enabled) {
    return fail(Failure::conflict, "device.no_channel",
                "the device is not enrolled: nothing is declared for it");
  }
  add_identifiers(call.db, *snapshot, report->profiles);
  director::put_outside_evidence(call.db, device->id, report->source, content_of(*report), call.now);
  const auto judgement = reconciler::judge(*snapshot, report->profiles, report->complete);
  const bool asks = judgement.contradicts && director::take_question(call.db, device->id, call.now);
  if (asks) {
    const std::array devices{device->id};
    director::ask_of_item(call.db, devices, director::kAllItems, director::RequestKind::distrusted,
                          call.actor, call.now);
  }
  Answer answer = json_response(200, {{"udid", device->udid},
                                      {"as_declared", judgement.findings.empty()},
                                      {"problems", findings_json(call.db, judgement)},
                                      {"contradicts_the_device", judgement.contradicts},
                                      {"asks_the_device", asks}});
  answer.ring = asks;
  return answer;
}

Result<Answer> get_evidence(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  auto items = Json::array();
  for (const auto& evidence : director::outside_evidence_of(call.db, device->id)) {
    Json entry{{"source", evidence.source}, {"at", to_rfc3339(evidence.at)}};
    entry.update(Json::parse(evidence.content));
    items.push_back(std::move(entry));
  }
  return json_response(200, page_json(std::move(items)));
}

}  // namespace

std::span<const Endpoint> evidence_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/devices/{id}/evidence", Access::read, get_evidence},
      Endpoint{"POST", "/v1/devices/{id}/evidence", Access::write, post_evidence},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail
