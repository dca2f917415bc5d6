// SPDX-License-Identifier: Apache-2.0
#include "core/identity/trusted_proxies.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/encoding.hpp"

namespace mooring::core {
namespace {

/// Where the bits of an IPv4 address begin in its IPv6 form.
constexpr int kMappedBits = 96;

bool begins_alike(const std::array<std::uint8_t, 16>& a, const std::array<std::uint8_t, 16>& b, int bits) {
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (!std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(whole), b.begin())) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xFFU << static_cast<unsigned>(8 - bits % 8));
  return (a[whole] & mask) == (b[whole] & mask);
}

}  // namespace

/// Every address in its IPv6 form.
bool TrustedProxies::read(std::string_view text, Address& address) {
  const std::string terminated(text);
  std::array<std::uint8_t, 4> v4{};
  if (::inet_pton(AF_INET, terminated.c_str(), v4.data()) == 1) {
    address = {};
    address[10] = address[11] = 0xFF;
    std::ranges::copy(v4, address.begin() + 12);
    return true;
  }
  return ::inet_pton(AF_INET6, terminated.c_str(), address.data()) == 1;
}

Result<TrustedProxies> TrustedProxies::parse(std::string_view list) {
  TrustedProxies proxies;
  while (!list.empty()) {
    const auto comma = list.find(',');
    const auto entry = trim(list.substr(0, comma));
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    if (entry.empty()) continue;
    const auto slash = entry.find('/');
    Block block;
    bool good = read(entry.substr(0, slash), block.address);
    if (good && slash != std::string_view::npos) {
      const bool v4 = entry.find(':') == std::string_view::npos;
      const auto text = entry.substr(slash + 1);
      int bits = -1;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
      good = error == std::errc() && end == text.data() + text.size() && bits >= 0 && bits <= (v4 ? 32 : 128);
      block.bits = v4 ? kMappedBits + bits : bits;
    }
    if (!good) {
      return fail(Failure::invalid, "identity.trusted_proxy",
                  fmt::format("\"{}\" is neither an address nor a block like 192.168.0.0/16", entry));
    }
    proxies.blocks_.push_back(block);
  }
  return proxies;
}

bool TrustedProxies::contains(std::string_view text) const {
  Address address{};
  if (blocks_.empty() || !read(text.substr(0, text.find('%')), address)) return false;
  return std::ranges::any_of(blocks_,
                             [&](const Block& b) { return begins_alike(b.address, address, b.bits); });
}

}  // namespace mooring::core
