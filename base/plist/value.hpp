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

/// A <date>: whole seconds since 1970 in UTC.
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

  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  /// Replaces in place, or appends.
  void set(std::string key, Value value);
  bool erase(std::string_view key);
  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }
  bool operator==(const Dict&) const;

  // Typed look-ups: nullptr / nullopt where the key is absent or of another type.
  const std::string* string(std::string_view key) const;
  const Data* data(std::string_view key) const;
  const Array* array(std::string_view key) const;
  const Dict* dict(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::int64_t> integer(std::string_view key) const;

 private:
  friend class Value;
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
  const T* as() const { return std::get_if<T>(&v_); }
  template <class T>
  T* as() { return std::get_if<T>(&v_); }
  const Variant& variant() const { return v_; }
  bool operator==(const Value&) const = default;

 private:
  Variant v_;
};

}  // namespace mooring::plist
