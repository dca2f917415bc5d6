// SPDX-License-Identifier: Apache-2.0
#include "reconciler/certificate_turns.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace mooring::reconciler {
namespace {

// The row is locked until the pass ends, also where it is new.
constexpr pg::Statement kTakeTurns{"certificate_turns_take", R"(
insert into certificate_turns (item_id, version_id, next_at) values ($1, 0, $2)
on conflict (item_id) do update set item_id = excluded.item_id returning version_id, next_at)"};
constexpr pg::Statement kLookAtTurns{"certificate_turns_look",
                                     "select version_id, next_at from certificate_turns where item_id = $1"};
constexpr pg::Statement kStoreTurns{"certificate_turns_store", R"(
update certificate_turns c set version_id = t.version_id, next_at = t.next_at
from unnest($1::int4[], $2::int4[], $3::timestamptz[]) as t(item_id, version_id, next_at)
where c.item_id = t.item_id)"};

}  // namespace

CertificateTurns::Next& CertificateTurns::next_of(std::int32_t item) {
  const auto [found, is_new] = next_.try_emplace(item);
  if (is_new) {
    const auto rows =
        only_looks_ ? connection_.exec(kLookAtTurns, item) : connection_.exec(kTakeTurns, item, now_);
    if (!rows.empty()) found->second = {.version = rows[0].get<std::int32_t>(0), .at = rows[0].get<Time>(1)};
  }
  return found->second;
}

Time CertificateTurns::take(std::int32_t item, std::int32_t version) {
  auto& next = next_of(item);
  if (next.version != version) next = {.version = version, .at = now_};
  const Time turn = std::max(next.at, now_);
  next.at = turn + interval_;
  return turn;
}

void CertificateTurns::store() {
  if (next_.empty()) return;
  std::vector<std::int32_t> items, versions;
  std::vector<Time> times;
  for (const auto& [item, next] : next_) {
    items.push_back(item);
    versions.push_back(next.version);
    times.push_back(next.at);
  }
  connection_.exec(kStoreTurns, items, versions, times);
}

}  // namespace mooring::reconciler
