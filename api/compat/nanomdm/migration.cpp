// SPDX-License-Identifier: Apache-2.0
// Enrollments of another server, as its devices once sent them. They go the way of any check-in; only that
// nobody proved to be the device, which is why an API token stands for it.
#include "api/compat/nanomdm/handlers.hpp"
#include "api/compat/nanomdm/reply.hpp"
#include "base/plist/plist.hpp"
#include "core/message.hpp"

namespace mooring::api::nanomdm {
namespace {

constexpr std::size_t kMessageLimit = std::size_t{16} << 20U;

// What the device said here itself is newer than what it had said elsewhere. That it came at all is written
// some seconds later; its check-ins and answers show at once.
constexpr pg::Statement kSpokeHere{"nanomdm_spoke_here", R"(
select e.bootstrap_token is not null from enrollments e
where e.enrollment_id = $1 and e.parent_length = $2
  and (exists (select from enrollment_activity a where a.enrollment_id = e.id)
       or greatest(e.authenticated_at, e.token_updated_at, e.checked_out_at) > e.migrated_at
       or exists (select from command_results r where r.enrollment_id = e.id and r.status in (2, 3, 4))
       or exists (select from identities i where i.enrollment_id = e.enrollment_id))
limit 1)"};
constexpr pg::Statement kMarkMigrated{"nanomdm_mark_migrated",
                                      "update enrollments set migrated_at = $2 where id = $1"};

struct Import {
  core::EnrollmentId enrollment;
  core::Checkin checkin;
  bool is_bootstrap_token = false;
};

Result<Import> read_import(const plist::Dict& message) {
  auto checkin = core::parse_checkin(message);
  if (!checkin) return std::unexpected(checkin.error());
  const auto* type = message.string("MessageType");
  const bool token = *type == "SetBootstrapToken";
  if (!token && *type != "Authenticate" && *type != "TokenUpdate") {
    return fail(Failure::invalid, "migration.message_type",
                "only Authenticate, TokenUpdate and SetBootstrapToken can be imported, not " + *type);
  }
  auto enrollment = core::resolve_enrollment_id(message);
  if (!enrollment) return std::unexpected(enrollment.error());
  return Import{std::move(*enrollment), std::move(*checkin), token};
}

/// Refuses what would overwrite newer state.
Task<Result<>> check_still_elsewhere(NanoMdmDependencies& d, const Import& import) {
  pg::Pool::Body<bool> ask = [id = import.enrollment,
                              token = import.is_bootstrap_token](pg::Connection& c) -> Result<bool> {
    const auto rows = c.exec(kSpokeHere, id.id, static_cast<std::int16_t>(id.parent.size()));
    return !rows.empty() && (!token || rows[0].get<bool>(0));
  };
  const auto spoke = co_await d.pool.run<bool>(std::move(ask));
  if (!spoke) co_return std::unexpected(spoke.error());
  if (!*spoke) co_return Result<>{};
  co_return fail(Failure::conflict, "migration.already_here",
                 "the enrollment " + import.enrollment.id +
                     " has connected to this server itself: what it said here is newer and stays");
}

http::Response refused_import(const Error& error) {
  return error_response(http::status_of(error.failure), error.message);
}

}  // namespace

Task<http::Response> migrate(NanoMdmDependencies& d, SharedRequest request) {
  auto message = plist::parse_dict(request->body, {.bytes = kMessageLimit});
  if (!message) co_return refused_import(message.error());
  auto import = read_import(*message);
  if (!import) co_return refused_import(import.error());
  if (const auto checked = co_await check_still_elsewhere(d, *import); !checked) {
    co_return refused_import(checked.error());
  }
  core::MessageContext context;
  context.request_id = request->id;
  context.body = request->body;
  const auto taken = co_await d.checkin(std::move(import->checkin), std::move(*message), std::move(context));
  if (!taken) co_return refused_import(taken.error());
  pg::Pool::Body<bool> mark = [enrollment = taken->enrollment, now = d.clock.now()](pg::Connection& c) {
    c.exec(kMarkMigrated, enrollment, now);
    return Result<bool>(true);
  };
  if (const auto marked = co_await d.pool.run<bool>(std::move(mark)); !marked) {
    co_return refused_import(marked.error());
  }
  d.ring();
  co_return http::Response::text(200, "");
}

}  // namespace mooring::api::nanomdm
