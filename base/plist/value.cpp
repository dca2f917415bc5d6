// SPDX-License-Identifier: Apache-2.0
#include "base/plist/value.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace mooring::plist {
namespace {

using Entries = std::vector<Dict::Entry>;

bool strictly_ascending(const Entries& entries) {
  for (std::size_t i = 1; i < entries.size(); ++i) {
    if (entries[i - 1].first >= entries[i].first) return false;
  }
  return true;
}

// Comparing every pair is fastest for the dictionaries of real messages; a hostile one is sorted instead, so
// that its cost stays n log n.
constexpr std::size_t kPairwise = 48;

bool has_duplicates(const Entries& entries) {
  if (entries.size() <= kPairwise) {
    for (std::size_t i = 1; i < entries.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k) {
        if (entries[i].first == entries[k].first) return true;
      }
    }
    return false;
  }
  std::vector<const std::string*> keys;
  keys.reserve(entries.size());
  for (const auto& entry : entries) keys.push_back(&entry.first);
  const auto by_text = [](const std::string* a, const std::string* b) { return *a < *b; };
  std::ranges::sort(keys, by_text);
  return std::ranges::adjacent_find(keys, [](auto* a, auto* b) { return *a == *b; }) != keys.end();
}

Entries without_duplicates(Entries entries) {
  std::vector<std::size_t> order(entries.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    const int difference = entries[a].first.compare(entries[b].first);
    return difference != 0 ? difference < 0 : a < b;
  });
  std::vector<bool> dropped(entries.size());
  for (std::size_t i = 0; i < order.size();) {
    std::size_t last = i;
    while (last + 1 < order.size() && entries[order[last + 1]].first == entries[order[i]].first) ++last;
    if (last != i) entries[order[i]].second = std::move(entries[order[last]].second);
    for (std::size_t k = i + 1; k <= last; ++k) dropped[order[k]] = true;
    i = last + 1;
  }
  Entries kept;
  kept.reserve(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!dropped[i]) kept.push_back(std::move(entries[i]));
  }
  return kept;
}

}  // namespace

Dict::Dict(std::initializer_list<Entry> entries) : Dict(from_entries(Entries(entries))) {}

Dict Dict::from_entries(std::vector<Entry> entries) {
  if (!strictly_ascending(entries) && has_duplicates(entries)) {
    entries = without_duplicates(std::move(entries));
  }
  Dict dict;
  dict.entries_ = std::move(entries);
  return dict;
}

const Value* Dict::find(std::string_view key) const {
  for (const auto& entry : entries_) {
    if (entry.first == key) return &entry.second;
  }
  return nullptr;
}

Value* Dict::find(std::string_view key) { return const_cast<Value*>(std::as_const(*this).find(key)); }

void Dict::set(std::string key, Value value) {
  if (Value* present = find(key)) {
    *present = std::move(value);
  } else {
    entries_.emplace_back(std::move(key), std::move(value));
  }
}

bool Dict::erase(std::string_view key) {
  return std::erase_if(entries_, [&](const Entry& entry) { return entry.first == key; }) != 0;
}

bool Dict::operator==(const Dict& other) const { return entries_ == other.entries_; }

const std::string* Dict::string(std::string_view key) const {
  const Value* value = find(key);
  return value == nullptr ? nullptr : value->as<std::string>();
}

const Data* Dict::data(std::string_view key) const {
  const Value* value = find(key);
  return value == nullptr ? nullptr : value->as<Data>();
}

const Array* Dict::array(std::string_view key) const {
  const Value* value = find(key);
  return value == nullptr ? nullptr : value->as<Array>();
}

const Dict* Dict::dict(std::string_view key) const {
  const Value* value = find(key);
  return value == nullptr ? nullptr : value->as<Dict>();
}

std::optional<bool> Dict::boolean(std::string_view key) const {
  const Value* value = find(key);
  const bool* flag = value == nullptr ? nullptr : value->as<bool>();
  return flag == nullptr ? std::nullopt : std::optional(*flag);
}

std::optional<std::int64_t> Dict::integer(std::string_view key) const {
  const Value* value = find(key);
  const std::int64_t* number = value == nullptr ? nullptr : value->as<std::int64_t>();
  return number == nullptr ? std::nullopt : std::optional(*number);
}

Value::Value(std::uint64_t number) {
  if (number > static_cast<std::uint64_t>(INT64_MAX)) {
    v_ = number;
  } else {
    v_ = static_cast<std::int64_t>(number);
  }
}

}  // namespace mooring::plist
