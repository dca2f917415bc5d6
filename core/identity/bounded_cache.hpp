// SPDX-License-Identifier: Apache-2.0
// A map that stays small: what was not asked for lately goes first. Thread-safe.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace mooring::core {

/// Two generations of at most half of `most` each: when the young one is full it becomes the old one, which
/// is dropped.
template <class Value>
class BoundedCache {
 public:
  explicit BoundedCache(std::size_t most) : half_(most / 2 + 1) {}

  std::optional<Value> get(std::string_view key) {
    const std::scoped_lock lock(mutex_);
    if (const auto found = young_.find(key); found != young_.end()) return found->second;
    const auto found = old_.find(key);
    if (found == old_.end()) return std::nullopt;
    Value value = found->second;
    insert(std::string(key), value);
    return value;
  }
  void put(std::string key, Value value) {
    const std::scoped_lock lock(mutex_);
    insert(std::move(key), std::move(value));
  }
  void erase(std::string_view key) {
    const std::scoped_lock lock(mutex_);
    for (auto* generation : {&young_, &old_}) {
      if (const auto found = generation->find(key); found != generation->end()) generation->erase(found);
    }
  }
  std::size_t size() const {
    const std::scoped_lock lock(mutex_);
    return young_.size() + old_.size();
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const { return std::hash<std::string_view>{}(key); }
  };
  using Generation = std::unordered_map<std::string, Value, Hash, std::equal_to<>>;

  void insert(std::string key, Value value) {
    if (young_.size() >= half_) old_ = std::exchange(young_, {});
    young_.insert_or_assign(std::move(key), std::move(value));
  }

  const std::size_t half_;
  mutable std::mutex mutex_;
  Generation young_;
  Generation old_;
};

}  // namespace mooring::core
