// SPDX-License-Identifier: Apache-2.0
// Any bytes: an error or a value; and every value survives both writers unchanged.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/plist/plist.hpp"

namespace {

// Compared by canonical form: NaN is not equal to itself.
void require_same(const char* what, const mooring::plist::Value& value,
                  const mooring::Result<mooring::plist::Value>& again) {
  if (again && mooring::plist::canonical(*again) == mooring::plist::canonical(value)) return;
  std::fprintf(stderr, "%s: %s\n", what, again ? "another value" : again.error().message.c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace plist = mooring::plist;
  // What is written may need more bytes and references than what was read.
  const plist::Limits narrow{.bytes = std::size_t{1} << 20U, .depth = 32, .entities = 5000, .objects = 20000};
  const plist::Limits wide{.bytes = std::size_t{64} << 20U, .depth = 32, .entities = std::size_t{64} << 20U};
  const auto value = plist::parse({reinterpret_cast<const char*>(data), size}, narrow);
  if (!value) return 0;
  require_same("XML", *value, plist::parse(plist::to_xml(*value), wide));
  require_same("fragment", *value,
               plist::parse("<plist>" + plist::to_xml_fragment(*value) + "</plist>", wide));
  require_same("binary", *value, plist::parse(plist::to_binary(*value), wide));
  return 0;
}
