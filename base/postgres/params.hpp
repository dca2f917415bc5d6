// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/postgres/wire.hpp"

namespace mooring::pg {

/// The parameters of one statement, in binary form, in one buffer.
class Params {
 public:
  Params() = default;
  template <class... T>
    requires(sizeof...(T) > 0 && (!std::same_as<std::remove_cvref_t<T>, Params> && ...))
  explicit Params(const T&... values) {
    (add(values), ...);
  }

  template <class T>
  void add(const T& value) {
    if constexpr (kIsOptional<T>) {
      add_optional(value);
    } else if constexpr (std::is_convertible_v<T, std::string_view>) {
      add_scalar(std::string_view(value));
    } else if constexpr (ArrayParameter<T>) {
      add_array(value);
    } else {
      add_scalar(value);
    }
  }

  struct Slot {
    Oid oid;
    int length;  ///< -1 is NULL.
    std::size_t offset;
  };
  const std::vector<Slot>& slots() const { return slots_; }
  const char* data() const { return buffer_.data(); }

 private:
  template <class T>
  void add_scalar(const T& value) {
    const std::size_t start = buffer_.size();
    Wire<T>::put(buffer_, value);
    slots_.push_back({Wire<T>::oid, static_cast<int>(buffer_.size() - start), start});
  }

  template <class T>
  void add_optional(const std::optional<T>& value) {
    if (value) {
      add_scalar(*value);
    } else {
      slots_.push_back({Wire<T>::oid, -1, buffer_.size()});
    }
  }

  template <class Range>
  void add_array(const Range& range) {
    using Item = typename Range::value_type;
    if constexpr (kIsOptional<Item>) {
      add_array_of<typename Item::value_type>(range);
    } else {
      add_array_of<Item>(range);
    }
  }

  template <class T, class Range>
  void add_array_of(const Range& range) {
    const std::size_t start = buffer_.size();
    const bool empty = range.size() == 0;
    detail::put_big_endian(buffer_, std::uint32_t{empty ? 0U : 1U});  // dimensions
    detail::put_big_endian(buffer_, std::uint32_t{1});                // may hold NULL
    detail::put_big_endian(buffer_, std::uint32_t{Wire<T>::oid});
    if (!empty) {
      detail::put_big_endian(buffer_, static_cast<std::uint32_t>(range.size()));
      detail::put_big_endian(buffer_, std::uint32_t{1});  // lower bound
    }
    for (const auto& item : range) put_item<T>(item);
    slots_.push_back({Wire<T>::array_oid, static_cast<int>(buffer_.size() - start), start});
  }

  template <class T, class Item>
  void put_item(const Item& item) {
    if constexpr (kIsOptional<Item>) {
      if (!item) {
        detail::put_big_endian(buffer_, ~std::uint32_t{0});
        return;
      }
      put_item<T>(*item);
    } else {
      const std::size_t length_at = buffer_.size();
      detail::put_big_endian(buffer_, std::uint32_t{0});
      Wire<T>::put(buffer_, item);
      std::string length;
      detail::put_big_endian(length, static_cast<std::uint32_t>(buffer_.size() - length_at - 4));
      buffer_.replace(length_at, 4, length);
    }
  }

  std::vector<Slot> slots_;
  std::string buffer_;
};

}  // namespace mooring::pg
