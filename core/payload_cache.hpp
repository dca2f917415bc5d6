// SPDX-License-Identifier: Apache-2.0
// Payloads never change, so a process keeps the recent ones: a 50 KiB profile for 100,000 devices is read
// from the database once.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/async.hpp"
#include "base/postgres/pool.hpp"
#include "core/payload_renderer.hpp"

namespace mooring::core {

/// Used on the io thread only.
class PayloadCache {
 public:
  explicit PayloadCache(pg::Pool& pool, std::size_t max_bytes = std::size_t{64} << 20U)
      : pool_(pool), max_bytes_(max_bytes) {}

  Task<Result<SharedPayload>> get(std::int32_t id);

 private:
  struct Entry {
    std::int32_t id;
    SharedPayload payload;
  };
  void keep(std::int32_t id, SharedPayload payload);

  pg::Pool& pool_;
  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::list<Entry> recent_;  ///< Most recent first.
  std::unordered_map<std::int32_t, std::list<Entry>::iterator> by_id_;
};

}  // namespace mooring::core
