// SPDX-License-Identifier: Apache-2.0
// What both readers share: it turns a flat run of "key, value, open, close" into one Value without recursion,
// and holds the limits on depth and on the number of values.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/plist/plist.hpp"
#include "base/plist/value.hpp"

namespace mooring::plist::detail {

enum class Problem : std::uint8_t {
  none,
  too_deep,
  too_many_objects,
  key_outside_dict,
  key_without_value,
  value_without_key,
  second_root,
};

class Builder {
 public:
  explicit Builder(const Limits& limits) : depth_limit_(limits.depth), object_limit_(limits.objects) {}

  Problem key(std::string text);
  Problem value(Value value);
  Problem open(bool dict);
  /// Closes the innermost container, which must exist.
  Problem close();

  bool inside() const { return !frames_.empty(); }
  bool inside_dict() const { return !frames_.empty() && frames_.back().dict; }
  bool has_root() const { return frames_.empty() && !pending_.empty(); }
  Value take_root() { return std::move(pending_.front().second); }

 private:
  struct Frame {
    std::size_t start;  ///< Index of its first entry in pending_.
    std::string key;    ///< Its own key in the container around it.
    bool dict;
  };
  Problem admit();

  std::size_t depth_limit_;
  std::size_t object_limit_;
  std::size_t objects_ = 0;
  std::vector<Frame> frames_;
  std::vector<Dict::Entry> pending_;  ///< Finished entries of all open containers, innermost last.
  std::string key_;
  bool has_key_ = false;
};

}  // namespace mooring::plist::detail
