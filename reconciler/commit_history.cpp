// SPDX-License-Identifier: Apache-2.0
#include "reconciler/detail/commit_parts.hpp"

namespace mooring::reconciler::detail {
namespace {

constexpr pg::Statement kPutHistory{"commit_put_history", R"(
insert into item_history (at, device_id, item_id, version_id, kind, from_state, to_state, reason_code, detail)
select $9, * from unnest($1::int8[], $2::int4[], $3::int4[], $4::int2[], $5::int2[], $6::int2[], $7::int2[],
                         $8::text[]))"};

std::optional<std::int16_t> state_number(const ItemRecord* record) {
  if (record == nullptr) return std::nullopt;
  return static_cast<std::int16_t>(record->state);
}

/// Columns of a batch, one vector each.
struct PastColumns {
  std::vector<std::int64_t> devices;
  std::vector<std::int32_t> items;
  std::vector<std::optional<std::int32_t>> versions;
  std::vector<std::int16_t> kinds, reasons;
  std::vector<std::optional<std::int16_t>> from, to;
  std::vector<std::optional<std::string_view>> details;

  void add(const ItemPast& past) {
    const auto* of = past.after == nullptr ? past.before : past.after;
    devices.push_back(past.device);
    kinds.push_back(static_cast<std::int16_t>(past.kind));
    from.push_back(state_number(past.before));
    to.push_back(state_number(past.after));
    items.push_back(of == nullptr ? director::kAllItems : of->item);
    versions.push_back(of == nullptr ? std::nullopt : std::optional(of->version));
    reasons.push_back(past.after == nullptr ? std::int16_t{0}
                                            : static_cast<std::int16_t>(past.after->reason));
    const bool says_more = past.after != nullptr && !past.after->detail.empty();
    details.push_back(says_more ? std::optional<std::string_view>(past.after->detail) : std::nullopt);
  }
};

}  // namespace

void put_history(pg::Connection& connection, const std::vector<ItemPast>& past, Time now) {
  if (past.empty()) return;
  PastColumns c;
  for (const auto& entry : past) c.add(entry);
  connection.exec(kPutHistory, c.devices, c.items, c.versions, c.kinds, c.from, c.to, c.reasons, c.details,
                  now);
}

}  // namespace mooring::reconciler::detail
