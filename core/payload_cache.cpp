// SPDX-License-Identifier: Apache-2.0
#include "core/payload_cache.hpp"

namespace mooring::core {
namespace {

constexpr pg::Statement kLoad{"payload_load", "select body, relayed, rendering from payloads where id = $1"};

}  // namespace

Task<Result<SharedPayload>> PayloadCache::get(std::int32_t id) {
  if (const auto found = by_id_.find(id); found != by_id_.end()) {
    recent_.splice(recent_.begin(), recent_, found->second);
    co_return found->second->payload;
  }
  pg::Pool::Body<SharedPayload> body = [id](pg::Connection& connection) -> Result<SharedPayload> {
    const auto rows = connection.exec(kLoad, id);
    if (rows.empty()) return fail(Failure::internal, "payload.missing", "a queued command has no payload");
    return std::make_shared<const StoredPayload>(
        StoredPayload{.body = std::string(rows[0].get<pg::Bytes>(0).view),
                      .relayed = rows[0].get<bool>(1),
                      .rendering = static_cast<Rendering>(rows[0].get<std::int16_t>(2))});
  };
  auto loaded = co_await pool_.run<SharedPayload>(std::move(body));
  if (loaded) keep(id, *loaded);
  co_return loaded;
}

void PayloadCache::keep(std::int32_t id, SharedPayload payload) {
  if (by_id_.contains(id) || payload->body.size() > max_bytes_) return;
  bytes_ += payload->body.size();
  recent_.push_front({id, std::move(payload)});
  by_id_[id] = recent_.begin();
  while (bytes_ > max_bytes_) {
    bytes_ -= recent_.back().payload->body.size();
    by_id_.erase(recent_.back().id);
    recent_.pop_back();
  }
}

}  // namespace mooring::core
