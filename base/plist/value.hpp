// SPDX-License-Identifier: Apache-2.0
// A property list as a plain value: ordered dictionaries, no library type in sight.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace mooring::plist {

class Value;

/// Bytes of a <data> element; a type of its own so that it is never mistaken for text.
struct Data {
  std::string bytes;
  bool operator==(const Data&) const = default;
};

/// A <date>: whole seconds since 1970 in UTC. Property lists carry the years 0 to 9999; a writer clamps
/// others.
struct Date {
  std::int64_t unix_seconds = 0;
  bool operator==(const Date&) const = default;
};

using Array = std::vector<Value>;

/// Keeps the order of its keys; looking up is linear, which beats a tree for the sizes that MDM uses.
class Dict {
 public:
  using Entry = std::pair<std::string, Value>;
  Dict() = default;
  Dict(std::initializer_list<Entry> entries);
  /// Keeps the order; of equal keys the last value wins, in the place of the first. Cost n log n.
  static Dict from_entries(std::vector<Entry> entries);

  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  /// Replaces in place, or appends.
  void set(std::string key, Value value);
  bool erase(std::string_view key);
  std::size_t size() const;
  bool empty() const;
  const Entry* begin() const;
  const Entry* end() const;
  /// Order counts; canonical() in plist.hpp compares meaning.
  bool operator==(const Dict&) const;

  // Typed look-ups: nullptr / nullopt where the key is absent or of another type.
  const std::string* string(std::string_view key) const;
  const Data* data(std::string_view key) const;
  const Array* array(std::string_view key) const;
  const Dict* dict(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::int64_t> integer(std::string_view key) const;

 private:
  std::vector<Entry> entries_;
};

class Value {
 public:
  /// A number above INT64_MAX is held as uint64_t, every other integer as int64_t.
  using Variant =
      std::variant<std::string, std::int64_t, std::uint64_t, double, bool, Data, Date, Array, Dict>;

  Value() : v_(std::string()) {}
  Value(const char* text) : v_(std::string(text)) {}       // NOLINT(google-explicit-constructor)
  Value(std::string text) : v_(std::move(text)) {}         // NOLINT(google-explicit-constructor)
  Value(std::string_view text) : v_(std::string(text)) {}  // NOLINT(google-explicit-constructor)
  Value(int number) : v_(std::int64_t{number}) {}          // NOLINT(google-explicit-constructor)
  Value(std::int64_t number) : v_(number) {}               // NOLINT(google-explicit-constructor)
  Value(std::uint64_t number);                             // NOLINT(google-explicit-constructor)
  Value(double number) : v_(number) {}                     // NOLINT(google-explicit-constructor)
  Value(bool flag) : v_(flag) {}                           // NOLINT(google-explicit-constructor)
  Value(Data data) : v_(std::move(data)) {}                // NOLINT(google-explicit-constructor)
  Value(Date date) : v_(date) {}                           // NOLINT(google-explicit-constructor)
  Value(Array array) : v_(std::move(array)) {}             // NOLINT(google-explicit-constructor)
  Value(Dict dict) : v_(std::move(dict)) {}                // NOLINT(google-explicit-constructor)

  template <class T>
  const T* as() const {
    return std::get_if<T>(&v_);
  }
  template <class T>
  T* as() {
    return std::get_if<T>(&v_);
  }
  const Variant& variant() const { return v_; }
  bool operator==(const Value&) const = default;

 private:
  Variant v_;
};

// Here and not in the class, because an entry is complete only once Value is.
inline std::size_t Dict::size() const { return entries_.size(); }
inline bool Dict::empty() const { return entries_.empty(); }
inline const Dict::Entry* Dict::begin() const { return entries_.data(); }
inline const Dict::Entry* Dict::end() const { return entries_.data() + entries_.size(); }

}  // namespace mooring::plist
