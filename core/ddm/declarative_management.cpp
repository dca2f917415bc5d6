// SPDX-License-Identifier: Apache-2.0
#include "core/ddm/declarative_management.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "core/ddm/status_report.hpp"

namespace mooring::core::ddm {
namespace {

constexpr std::string_view kTokensEndpoint = "tokens";
constexpr std::string_view kItemsEndpoint = "declaration-items";
constexpr std::string_view kStatusEndpoint = "status";
constexpr std::string_view kDeclarationEndpoint = "declaration/";

#define MOORING_DDM_RECORDED(columns, now, kind, detail, params, body)                           \
  "recorded as ("                                                                                \
  "  insert into events (created_at, enrollment_id, kind, detail, url_params, body)"             \
  "  select " now ", id, " kind ", " detail ", " params ", " body " from known) select " columns \
  " from known"

// Who never held anything has the empty set, unchanged since it came.
constexpr pg::Statement kManifest{"ddm_manifest", R"(
with known as materialized (
  select e.id, s.hash, s.manifest, coalesce(n.changed_at, e.authenticated_at, e.token_updated_at, $3) as changed_at
  from enrollments e left join enrollment_declarations n on n.enrollment_id = e.id
  left join declaration_sets s on s.id = n.set_id
  where e.enrollment_id = $1 and e.parent_length = $2
), )" MOORING_DDM_RECORDED("id, hash, manifest, changed_at", "$3", "$4", "$5", "$6", "$7")};

constexpr pg::Statement kDocument{"ddm_document", R"(
with known as materialized (
  select e.id, (
    select d.document from enrollment_declarations n join declaration_sets s on s.id = n.set_id
    join declarations d on d.id = any(s.members)
    where n.enrollment_id = e.id and d.kind = $8 and d.identifier = $9) as document
  from enrollments e where e.enrollment_id = $1 and e.parent_length = $2
), )" MOORING_DDM_RECORDED("id, document", "$3", "$4", "$5", "$6", "$7")};

constexpr pg::Statement kStatus{"ddm_status", R"(
with known as materialized (
  select id from enrollments where enrollment_id = $1 and parent_length = $2
), stored as (
  insert into declaration_status as s
    (enrollment_id, reported_at, report, full_at, full_report, declarations_at, declarations)
  select id, $3, $8, case when $9 then $3 end, case when $9 then $8 end, case when $10::bytea is not null then $3 end,
         $10::bytea
  from known
  on conflict (enrollment_id) do update set
    reported_at = excluded.reported_at, report = excluded.report,
    full_at = coalesce(excluded.full_at, s.full_at), full_report = coalesce(excluded.full_report, s.full_report),
    declarations_at = coalesce(excluded.declarations_at, s.declarations_at),
    declarations = coalesce(excluded.declarations, s.declarations)
), )" MOORING_DDM_RECORDED("id", "$3", "$4", "$5::jsonb", "$6", "$7")};

std::string endpoint_detail(const std::string& endpoint) {
  return nlohmann::json{{"endpoint", endpoint}}.dump();
}

struct Wanted {
  DeclarationKind kind;
  std::string identifier;
};

std::unexpected<Error> unknown_declaration(std::string_view endpoint) {
  return fail(Failure::not_found, "declaration.unknown",
              fmt::format("the enrollment holds no {}", endpoint.substr(0, 300)));
}

/// "declaration/configuration/IDENTIFIER"; the identifier may hold more slashes.
std::optional<Wanted> read_endpoint(std::string_view endpoint) {
  endpoint.remove_prefix(kDeclarationEndpoint.size());
  const auto slash = endpoint.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto kind = declaration_kind_named(endpoint.substr(0, slash));
  if (!kind) return std::nullopt;
  return Wanted{*kind, std::string(endpoint.substr(slash + 1))};
}

}  // namespace

Task<Result<CheckinOutcome>> DeclarativeManagement::handle(EnrollmentId enrollment, plist::Dict message,
                                                           MessageContext context) {
  const std::string* endpoint = message.string("Endpoint");
  if (endpoint == nullptr || endpoint->empty()) {
    co_return fail(Failure::invalid, "checkin.missing_key", "DeclarativeManagement without Endpoint");
  }
  if (*endpoint == kStatusEndpoint) {
    const plist::Data* data = message.data("Data");
    co_return co_await status(std::move(enrollment), data == nullptr ? std::string() : data->bytes,
                              EventExtras(s_.interest, EventKind::declaration_status, context));
  }
  EventExtras extras(s_.interest, EventKind::declarations_read, context);
  if (*endpoint == kTokensEndpoint || *endpoint == kItemsEndpoint) {
    co_return co_await tokens(std::move(enrollment), *endpoint, std::move(extras));
  }
  if (endpoint->starts_with(kDeclarationEndpoint)) {
    co_return co_await declaration(std::move(enrollment), *endpoint, std::move(extras));
  }
  co_return fail(
      Failure::invalid, "declarations.unknown_endpoint",
      fmt::format("the endpoint {} of DeclarativeManagement is not known", endpoint->substr(0, 100)));
}

Task<Result<CheckinOutcome>> DeclarativeManagement::tokens(EnrollmentId enrollment, std::string endpoint,
                                                           EventExtras extras) {
  pg::Pool::Body<CheckinOutcome> body = [enrollment = std::move(enrollment), endpoint = std::move(endpoint),
                                         extras = std::move(extras),
                                         now = s_.clock.now()](pg::Connection& c) -> Result<CheckinOutcome> {
    const auto rows = c.exec(kManifest, enrollment.id, enrollment.parent_length(), now,
                             number_of(EventKind::declarations_read), pg::Json{endpoint_detail(endpoint)},
                             extras.params_value(), extras.body_value());
    if (rows.empty()) return unknown_enrollment(enrollment);
    Manifest manifest;
    if (rows[0].is_null(1)) {
      manifest = make_manifest({}).value();
    } else {
      manifest = {.token = to_hex(rows[0].get<pg::Bytes>(1).view), .document = rows[0].text(2)};
    }
    return CheckinOutcome{.enrollment = rows[0].int64(0),
                          .reply = endpoint == kTokensEndpoint
                                       ? tokens_document(manifest.token, rows[0].get<Time>(3))
                                       : std::move(manifest.document),
                          .content_type = kJsonContent};
  };
  co_return co_await s_.pool.run<CheckinOutcome>(std::move(body));
}

Task<Result<CheckinOutcome>> DeclarativeManagement::declaration(EnrollmentId enrollment, std::string endpoint,
                                                                EventExtras extras) {
  auto wanted = read_endpoint(endpoint);
  if (!wanted) co_return unknown_declaration(endpoint);
  pg::Pool::Body<CheckinOutcome> body = [enrollment = std::move(enrollment), endpoint = std::move(endpoint),
                                         extras = std::move(extras), wanted = std::move(*wanted),
                                         now = s_.clock.now()](pg::Connection& c) -> Result<CheckinOutcome> {
    const auto rows = c.exec(kDocument, enrollment.id, enrollment.parent_length(), now,
                             number_of(EventKind::declarations_read), pg::Json{endpoint_detail(endpoint)},
                             extras.params_value(), extras.body_value(),
                             static_cast<std::int16_t>(wanted.kind), wanted.identifier);
    if (rows.empty()) return unknown_enrollment(enrollment);
    if (rows[0].is_null(1)) return unknown_declaration(endpoint);
    return CheckinOutcome{
        .enrollment = rows[0].int64(0), .reply = rows[0].text(1), .content_type = kJsonContent};
  };
  co_return co_await s_.pool.run<CheckinOutcome>(std::move(body));
}

Task<Result<CheckinOutcome>> DeclarativeManagement::status(EnrollmentId enrollment, std::string report,
                                                           EventExtras extras) {
  auto read = read_status_report(report);
  if (!read) co_return std::unexpected(read.error());
  pg::Pool::Body<CheckinOutcome> body = [enrollment = std::move(enrollment), report = std::move(report),
                                         extras = std::move(extras), read = std::move(*read),
                                         now = s_.clock.now()](pg::Connection& c) -> Result<CheckinOutcome> {
    const auto declarations = read.declarations ? std::optional(pg::Bytes{*read.declarations}) : std::nullopt;
    const auto rows =
        c.exec(kStatus, enrollment.id, enrollment.parent_length(), now,
               number_of(EventKind::declaration_status), std::optional<pg::Json>(), extras.params_value(),
               extras.body_value(), pg::Bytes{report}, read.full, declarations);
    if (rows.empty()) return unknown_enrollment(enrollment);
    return CheckinOutcome{.enrollment = rows[0].int64(0)};
  };
  co_return co_await s_.pool.run<CheckinOutcome>(std::move(body));
}

}  // namespace mooring::core::ddm
