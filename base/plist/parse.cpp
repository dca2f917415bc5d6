// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/plist/plist.hpp"
#include "base/plist/readers.hpp"

namespace mooring::plist {
namespace detail {

Error malformed(std::size_t offset, std::string_view why) {
  return {Failure::invalid, "plist.malformed", fmt::format("property list, byte {}: {}", offset, why)};
}

Error refused(Problem problem, std::size_t offset, const Limits& limits) {
  switch (problem) {
    case Problem::too_deep:
      return {Failure::too_large, "plist.too_deep",
              fmt::format("property list, byte {}: more than {} nested containers", offset, limits.depth)};
    case Problem::too_many_objects:
      return {Failure::too_large, "plist.too_many_objects",
              fmt::format("property list, byte {}: more than {} values", offset, limits.objects)};
    case Problem::key_outside_dict:
      return malformed(offset, "a key outside of a dictionary");
    case Problem::key_without_value:
      return malformed(offset, "a key without a value");
    case Problem::value_without_key:
      return malformed(offset, "a value without a key in a dictionary");
    case Problem::second_root:
      return malformed(offset, "a second top-level value");
    case Problem::none:
      break;
  }
  return {Failure::internal, "plist.internal", "a refusal without a reason"};
}

}  // namespace detail

Result<Value> parse(std::string_view bytes, const Limits& limits) {
  if (bytes.size() > limits.bytes) {
    return fail(Failure::too_large, "plist.too_large",
                fmt::format("the property list has {} bytes, the limit is {}", bytes.size(), limits.bytes));
  }
  if (!bytes.starts_with("bplist")) return detail::read_xml(bytes, limits);
  if (!limits.binary) {
    return fail(Failure::unsupported, "plist.binary_refused", "binary property lists are not accepted here");
  }
  return detail::read_binary(bytes, limits);
}

Result<Dict> parse_dict(std::string_view bytes, const Limits& limits) {
  Result<Value> value = parse(bytes, limits);
  if (!value) return std::unexpected(std::move(value.error()));
  Dict* dict = value->as<Dict>();
  if (dict == nullptr) {
    return fail(Failure::invalid, "plist.not_a_dictionary",
                "the top level of the property list is not a dictionary");
  }
  return std::move(*dict);
}

}  // namespace mooring::plist
