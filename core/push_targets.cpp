// SPDX-License-Identifier: Apache-2.0
#include "core/push_topic.hpp"

namespace mooring::core {
namespace {

constexpr pg::Statement kPushTargets{"push_targets", R"(
select e.id, e.topic, e.push_magic, e.push_token, e.token_updated_at, coalesce(c.revision, 0)
from unnest($1::int8[]) as t(id) join enrollments e on e.id = t.id
left join push_certificates c on c.topic = e.topic
where e.enabled and e.topic is not null and e.push_magic is not null and e.push_token is not null)"};

}  // namespace

Task<Result<std::vector<PushTarget>>> load_push_targets(pg::Pool& pool,
                                                        std::vector<std::int64_t> enrollments) {
  pg::Pool::Body<std::vector<PushTarget>> body = [ids = std::move(enrollments)](pg::Connection& connection) {
    std::vector<PushTarget> targets;
    targets.reserve(ids.size());
    for (const auto row : connection.exec(kPushTargets, ids)) {
      targets.push_back({.enrollment = row.int64(0),
                         .topic = row.text(1),
                         .magic = row.text(2),
                         .token = std::string(row.get<pg::Bytes>(3).view),
                         .token_updated_at = row.get<std::optional<Time>>(4),
                         .revision = row.int64(5)});
    }
    return Result<std::vector<PushTarget>>(std::move(targets));
  };
  return pool.run<std::vector<PushTarget>>(std::move(body));
}

}  // namespace mooring::core
