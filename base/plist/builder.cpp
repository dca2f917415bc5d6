// SPDX-License-Identifier: Apache-2.0
#include "base/plist/builder.hpp"

#include <iterator>

namespace mooring::plist::detail {

Problem Builder::admit() {
  if (frames_.empty()) {
    if (!pending_.empty()) return Problem::second_root;
  } else if (frames_.back().dict && !has_key_) {
    return Problem::value_without_key;
  }
  if (++objects_ > object_limit_) return Problem::too_many_objects;
  return Problem::none;
}

Problem Builder::key(std::string text) {
  if (!inside_dict()) return Problem::key_outside_dict;
  if (has_key_) return Problem::key_without_value;
  if (++objects_ > object_limit_) return Problem::too_many_objects;
  key_ = std::move(text);
  has_key_ = true;
  return Problem::none;
}

Problem Builder::value(Value value) {
  if (const Problem problem = admit(); problem != Problem::none) return problem;
  pending_.emplace_back(std::move(key_), std::move(value));
  key_.clear();
  has_key_ = false;
  return Problem::none;
}

Problem Builder::open(bool dict) {
  if (const Problem problem = admit(); problem != Problem::none) return problem;
  if (frames_.size() >= depth_limit_) return Problem::too_deep;
  frames_.push_back(Frame{pending_.size(), std::move(key_), dict});
  key_.clear();
  has_key_ = false;
  return Problem::none;
}

Problem Builder::close() {
  if (has_key_) return Problem::key_without_value;
  Frame frame = std::move(frames_.back());
  frames_.pop_back();
  const auto first = pending_.begin() + static_cast<std::ptrdiff_t>(frame.start);
  Value container;
  if (frame.dict) {
    container = Dict::from_entries({std::make_move_iterator(first), std::make_move_iterator(pending_.end())});
  } else {
    Array array;
    array.reserve(static_cast<std::size_t>(pending_.end() - first));
    for (auto entry = first; entry != pending_.end(); ++entry) array.push_back(std::move(entry->second));
    container = std::move(array);
  }
  pending_.erase(first, pending_.end());
  pending_.emplace_back(std::move(frame.key), std::move(container));
  return Problem::none;
}

}  // namespace mooring::plist::detail
