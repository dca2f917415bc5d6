// SPDX-License-Identifier: Apache-2.0
// Any bytes as the header in which a proxy names a certificate, and as the list of proxies that may.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/crypto/x509.hpp"
#include "base/encoding.hpp"
#include "core/identity/certificate_header.hpp"
#include "core/identity/trusted_proxies.hpp"
#include "tests/fuzz/require.hpp"

namespace {

namespace core = mooring::core;

using mooring::fuzz::require;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto der = core::certificate_of_header(bytes)) {
    require(!der->empty() && der->size() <= size, "a certificate from nowhere");
    require(core::certificate_of_header(":" + mooring::to_base64(*der) + ":") == *der, "another certificate");
    (void)mooring::crypto::Certificate::from_der(*der);
  }
  if (const auto proxies = core::TrustedProxies::parse(bytes)) {
    require(!proxies->contains("no address"), "a proxy without an address");
    (void)proxies->contains("203.0.113.9");
  }
  return 0;
}
