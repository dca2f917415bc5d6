// SPDX-License-Identifier: Apache-2.0
// Push and enqueue: one request for many ids, one status for each.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "api/compat/nanomdm/handlers.hpp"
#include "api/compat/nanomdm/reply.hpp"
#include "api/detail/new_command.hpp"
#include "core/command_metrics.hpp"
#include "core/requests.hpp"
#include "director/devices.hpp"

namespace mooring::api::nanomdm {
namespace {

struct NamedEnrollment {
  std::string id;
  std::int64_t enrollment = 0;
};
struct ResolvedIds {
  std::vector<NamedEnrollment> known;               ///< Each enrollment once.
  std::map<std::string, std::string> unknown = {};  ///< With what is wrong.
};

constexpr std::string_view kNoIds = "the path names no enrollment id";

/// The ids as they stand in the request's target, after `/nanomdm/v1/push/` or `.../enqueue/`.
std::string_view raw_ids(const http::Request& request) {
  std::string_view path = request.path();
  for (int slashes = 0; slashes < 4 && !path.empty(); path.remove_prefix(1))
    slashes += path.front() == '/' ? 1 : 0;
  return path;
}

void resolve_id(ResolvedIds& resolved, const std::string& id, const std::vector<std::int64_t>& enrollments) {
  if (enrollments.size() != 1) {
    resolved.unknown[id] = enrollments.empty() ? "no enrollment has this id"
                                               : "this id is a device's and also a user's on another device";
    return;
  }
  const auto known = [&](const NamedEnrollment& named) { return named.enrollment == enrollments.front(); };
  if (std::ranges::none_of(resolved.known, known)) resolved.known.push_back({id, enrollments.front()});
}

ResolvedIds resolve_ids(pg::Connection& connection, const std::vector<IdGroup>& groups) {
  std::vector<std::string> names;
  for (const auto& group : groups) {
    names.push_back(group.whole);
    names.insert(names.end(), group.parts.begin(), group.parts.end());
  }
  std::map<std::string, std::vector<std::int64_t>> found;
  for (auto& target : director::resolve_enrollments(connection, names)) {
    found[target.named] = std::move(target.enrollments);
  }
  ResolvedIds resolved;
  for (const auto& group : groups) {
    if (group.parts.empty() || !found[group.whole].empty()) {
      resolve_id(resolved, group.whole, found[group.whole]);
    } else {
      for (const auto& part : group.parts) resolve_id(resolved, part, found[part]);
    }
  }
  return resolved;
}

std::vector<std::int64_t> enrollments_of(const std::vector<NamedEnrollment>& known) {
  std::vector<std::int64_t> enrollments;
  for (const auto& named : known) enrollments.push_back(named.enrollment);
  return enrollments;
}

Task<> push_known(NanoMdmDependencies& d, Reply& reply, const std::vector<NamedEnrollment>& known) {
  for (const auto& result : co_await d.pusher.push_many(enrollments_of(known))) {
    const auto named = std::ranges::find(known, result.enrollment, &NamedEnrollment::enrollment);
    if (named != known.end()) reply.add_push(named->id, result.apns_id);
  }
}

/// The ids that got the command. On an error nothing is queued.
Result<ResolvedIds> queue_command(pg::Connection& connection, const http::Request& request,
                                  const detail::CommandNames& names, Time now, Duration first_repush) {
  return pg::in_transaction(connection, [&](pg::Connection& c) -> Result<ResolvedIds> {
    auto resolved = resolve_ids(c, read_ids(raw_ids(request)));
    if (resolved.known.empty()) return resolved;
    const core::NewRequest command{.uuid = core::encode_command_uuid(names.command_uuid),
                                   .body = request.body,
                                   .request_type = names.request_type,
                                   .enrollments = enrollments_of(resolved.known),
                                   .first_repush = first_repush};
    if (core::send_request(c, command, now)) return resolved;
    return fail(Failure::conflict, "command.duplicate_uuid",
                fmt::format("a command with the CommandUUID {} was queued before", names.command_uuid));
  });
}

struct Enqueued {
  Reply reply;
  ResolvedIds ids;
};

Enqueued enqueue_in(pg::Connection& connection, const http::Request& request, Time now,
                    Duration first_repush) {
  Enqueued done;
  const auto names = detail::read_command_plist(request.body);
  if (!names) {
    done.reply.command_error = names.error().message;
    return done;
  }
  done.reply.command_uuid = names->command_uuid;
  done.reply.request_type = names->request_type;
  auto ids = queue_command(connection, request, *names, now, first_repush);
  if (!ids) {
    done.reply.command_error = ids.error().message;
    return done;
  }
  for (const auto& [id, error] : ids->unknown) done.reply.status[id].command_error = error;
  done.ids = std::move(*ids);
  return done;
}

}  // namespace

Task<http::Response> push(NanoMdmDependencies& d, SharedRequest request) {
  const auto groups = read_ids(raw_ids(*request));
  if (groups.empty()) co_return error_response(400, kNoIds);
  pg::Pool::Body<ResolvedIds> resolve = [groups](pg::Connection& connection) -> Result<ResolvedIds> {
    return resolve_ids(connection, groups);
  };
  const auto ids = co_await d.pool.run<ResolvedIds>(std::move(resolve));
  Reply reply;
  if (!ids) {
    reply.push_error = ids.error().message;
    co_return push_response(reply);
  }
  for (const auto& [id, error] : ids->unknown) reply.status[id].push_error = error;
  if (!ids->known.empty()) co_await push_known(d, reply, ids->known);
  co_return push_response(reply);
}

Task<http::Response> enqueue(NanoMdmDependencies& d, SharedRequest request) {
  if (read_ids(raw_ids(*request)).empty()) co_return error_response(400, kNoIds);
  pg::Pool::Body<Enqueued> body = [request, now = d.clock.now(),
                                   first = d.first_repush](pg::Connection& c) -> Result<Enqueued> {
    return enqueue_in(c, *request, now, first);
  };
  auto done = co_await d.pool.run<Enqueued>(std::move(body));
  const bool no_push = !request->query_param("nopush").value_or("").empty();
  if (!done) {
    Reply reply{.no_push = no_push, .command_error = done.error().message};
    co_return enqueue_response(reply, 0);
  }
  done->reply.no_push = no_push;
  const auto queued = done->ids.known.size();
  if (queued > 0) {
    core::commands_counter(d.metrics, done->reply.request_type, "queued")
        .Increment(static_cast<double>(queued));
    if (!no_push) co_await push_known(d, done->reply, done->ids.known);
  }
  co_return enqueue_response(done->reply, queued);
}

}  // namespace mooring::api::nanomdm
