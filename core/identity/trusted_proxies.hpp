// SPDX-License-Identifier: Apache-2.0
// Addresses of proxies whose headers are believed.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace mooring::core {

class TrustedProxies {
 public:
  /// Addresses and CIDR blocks, IPv4 and IPv6, separated by commas: "10.0.0.7, 192.168.0.0/16, ::1". An IPv4
  /// address that came over IPv6 (::ffff:a.b.c.d) is that IPv4 address. Errors: identity.trusted_proxy.
  static Result<TrustedProxies> parse(std::string_view list);
  bool contains(std::string_view address) const;
  bool empty() const { return blocks_.empty(); }

 private:
  using Address = std::array<std::uint8_t, 16>;
  struct Block {
    Address address{};
    int bits = 128;
  };
  static bool read(std::string_view text, Address& address);
  std::vector<Block> blocks_;
};

}  // namespace mooring::core
