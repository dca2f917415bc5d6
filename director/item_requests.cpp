// SPDX-License-Identifier: Apache-2.0
#include "director/item_requests.hpp"

#include <vector>

#include "director/history.hpp"

namespace mooring::director {
namespace {

// The marks wait for the rows of the inbox: who takes a device sees both.
constexpr pg::Statement kAskOfItem{"item_requests_ask", R"(
insert into item_requests (device_id, item_id, kind, actor, asked_at)
select d.id, $2, $3, $4, $5 from unnest($1::int8[]) as d(id) order by d.id
on conflict (device_id, item_id, kind) do nothing returning device_id)"};
constexpr pg::Statement kMarkAsked{"item_requests_mark", R"(
update reconcile r set marks = r.marks + 1, due_at = least(r.due_at, $2)
from (select q.device_id from reconcile q where q.device_id = any($1) order by q.device_id for no key update) l
where r.device_id = l.device_id)"};

}  // namespace

void ask_of_item(pg::Connection& connection, std::span<const std::int64_t> devices, std::int32_t item,
                 RequestKind kind, std::string_view actor, Time now) {
  std::vector<std::int64_t> asked;
  for (const auto row :
       connection.exec(kAskOfItem, devices, item, static_cast<std::int16_t>(kind), actor, now))
    asked.push_back(row.int64(0));
  if (kind != RequestKind::distrusted && !asked.empty())
    note_asked(connection, asked, item, kind == RequestKind::lift ? "lift" : "repush", actor, now);
  connection.exec(kMarkAsked, devices, now);
}

}  // namespace mooring::director
