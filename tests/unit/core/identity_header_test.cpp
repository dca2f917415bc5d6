// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "core/identity/certificate_header.hpp"
#include "core/identity/sender.hpp"
#include "core/identity/trusted_proxies.hpp"
#include "tests/support/pki.hpp"

namespace mooring::core::test {
namespace {

using mooring::test::code_of;

/// As nginx and Envoy escape: everything but letters, digits and a few marks.
std::string escape(std::string_view text, std::string_view kept = "-._~") {
  std::string out;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || kept.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string replaced(std::string text, char from, const std::string& to) {
  std::string out;
  for (const char c : text) out += c == from ? to : std::string(1, c);
  return out;
}

/// A certificate whose base64 has '+' and '/': what careless decoders break.
const crypto::Certificate& leaf() {
  static const crypto::Certificate kLeaf = [] {
    while (true) {
      auto made = mooring::test::make_holder("device").certificate;
      const auto text = to_base64(made.der);
      if (text.find('+') != std::string::npos && text.find('/') != std::string::npos) return made;
    }
  }();
  return kLeaf;
}
const crypto::Certificate& other() {
  static const crypto::Certificate kOther = mooring::test::make_holder("other").certificate;
  return kOther;
}

struct HeaderForm {
  const char* name;
  std::function<std::string()> value;
};

class IdentityHeader : public testing::TestWithParam<HeaderForm> {};

// covers: mdm.A03
TEST_P(IdentityHeader, HoldsTheLeaf) {
  const auto der = certificate_of_header(GetParam().value());
  ASSERT_TRUE(der) << der.error().message;
  EXPECT_EQ(*der, leaf().der);
}

std::string without_armour(const crypto::Certificate& certificate) { return to_base64(certificate.der); }

INSTANTIATE_TEST_SUITE_P(
    Forms, IdentityHeader,
    testing::Values(
        HeaderForm{"Rfc9440", [] { return ":" + to_base64(leaf().der) + ":"; }},
        HeaderForm{"Rfc9440WithBlanks", [] { return "  :" + to_base64(leaf().der) + ": "; }},
        HeaderForm{"NginxEscaped", [] { return escape(leaf().pem()); }},
        HeaderForm{"NginxEscapedLowerCase", [] { return replaced(escape(leaf().pem()), '\n', "%0a"); }},
        HeaderForm{"NginxTabs", [] { return replaced(leaf().pem(), '\n', "\t"); }},
        HeaderForm{"AlbChainLeafFirst", [] { return escape(leaf().pem() + other().pem(), "-._~+=/"); }},
        HeaderForm{"AlbLeaf", [] { return escape(leaf().pem(), "-._~+=/"); }},
        HeaderForm{"ApacheBlanks", [] { return replaced(leaf().pem(), '\n', " "); }},
        HeaderForm{"EnvoyCert",
                   [] {
                     return "By=spiffe://mdm/"
                            "frontend;Hash=468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de"
                            "688;Cert=\"" +
                            escape(leaf().pem()) + "\";Subject=\"/C=US;Cert=x,/CN=\\\"quoted\\\"\";URI=";
                   }},
        HeaderForm{"EnvoyLastElement",
                   [] {
                     return "Hash=00;Cert=\"" + escape(other().pem()) + "\",By=me;Subject=\"a,b\";cert=\"" +
                            escape(leaf().pem()) + "\"";
                   }},
        HeaderForm{"EnvoyChainOnly",
                   [] { return "Hash=00;Chain=\"" + escape(leaf().pem() + other().pem()) + "\""; }},
        HeaderForm{"EnvoyUnquoted", [] { return "Hash=00;Cert=" + escape(leaf().pem()); }},
        HeaderForm{"TraefikChain", [] { return without_armour(leaf()) + "," + without_armour(other()); }},
        HeaderForm{"TraefikEscaped", [] { return escape(without_armour(leaf())); }},
        HeaderForm{"HaproxyDer", [] { return to_base64(leaf().der); }}),
    [](const auto& info) { return info.param.name; });

TEST(IdentityHeaderErrors, AreErrors) {
  for (const std::string value :
       {"", "  ", ":", "::", ":AAAA", ": :", "no base64!", "%", "%4", "-----BEGIN CERTIFICATE----- AAAA",
        "-----BEGIN CERTIFICATE----------END CERTIFICATE-----", "Hash=00", "Hash=00;Cert=\"\"",
        "Cert=\"%ZZ\"", "Cert=\"AAAA\",Hash=00", ",AAAA", "By="}) {
    EXPECT_EQ(code_of(certificate_of_header(value)), "identity.header") << value;
  }
}

TEST(TrustedProxiesTest, KnowsAddressesAndBlocks) {
  const auto proxies = TrustedProxies::parse(" 10.0.0.7,192.168.16.0/20 , 2001:db8::/33,::1, ");
  ASSERT_TRUE(proxies) << proxies.error().message;
  for (const char* inside : {"10.0.0.7", "192.168.16.0", "192.168.31.255", "2001:db8:7fff::1", "::1",
                             "::ffff:10.0.0.7", "::ffff:192.168.20.1"}) {
    EXPECT_TRUE(proxies->contains(inside)) << inside;
  }
  for (const char* outside : {"10.0.0.8", "192.168.15.255", "192.168.32.0", "2001:db8:8000::1", "::2", "",
                              "proxy", "10.0.0.7.evil", "::10.0.0.7"}) {
    EXPECT_FALSE(proxies->contains(outside)) << outside;
  }
  EXPECT_TRUE(TrustedProxies::parse("0.0.0.0/0")->contains("203.0.113.9"));
  EXPECT_FALSE(TrustedProxies::parse("0.0.0.0/0")->contains("2001:db8::1"));
  EXPECT_TRUE(TrustedProxies::parse("")->empty());
  for (const char* bad :
       {"proxy", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "::1/129", "10.0.0"}) {
    EXPECT_EQ(code_of(TrustedProxies::parse(bad)), "identity.trusted_proxy") << bad;
  }
}

// covers: mdm.A02, mdm.A03
TEST(IdentitySourceTest, HeadersCountOnlyFromTrustedProxies) {
  const SenderOptions options{.header = "X-Client-Cert", .proxies = *TrustedProxies::parse("10.0.0.7")};
  http::Request request;
  request.remote_address = "203.0.113.9";
  EXPECT_EQ(source_of(request, options), IdentitySource::none);
  request.headers.set("x-client-cert", "anything");
  EXPECT_EQ(source_of(request, options), IdentitySource::none) << "as if it were not there";
  request.peer_certificate = "DER";
  EXPECT_EQ(source_of(request, options), IdentitySource::tls);
  request.remote_address = "10.0.0.7";
  EXPECT_EQ(source_of(request, options), IdentitySource::header) << "the TLS certificate is the proxy's own";
  EXPECT_EQ(source_of(request, {}), IdentitySource::tls);
  request.headers.set("Mdm-Signature", "x");
  EXPECT_EQ(source_of(request, options), IdentitySource::signature);
}

}  // namespace
}  // namespace mooring::core::test
