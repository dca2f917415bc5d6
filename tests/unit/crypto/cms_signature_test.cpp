// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/crypto/cms.hpp"
#include "base/crypto/detail/quick_signature.hpp"
#include "tests/support/openssl_command.hpp"
#include "tests/support/pki.hpp"

namespace mooring::crypto::test {
namespace {

using mooring::test::code_of;
using mooring::test::Holder;
using mooring::test::HolderOptions;
using mooring::test::make_holder;
using mooring::test::OpensslCommand;

/// Line ends of every kind and bytes that are no text: what a careless signer would change.
const std::string kContent("<plist>\r\nline\nother\rlast\0\xFF\r\n", 29);

const Holder& rsa_holder() {
  static const Holder kHolder = make_holder("rsa", nullptr, {.key = KeyType::rsa_2048});
  return kHolder;
}
const Holder& ec_holder() {
  static const Holder kHolder = make_holder("ec");
  return kHolder;
}

struct SignatureCase {
  const char* name;
  bool rsa;
  Digest digest;
  const char* digest_name;
};

class CmsSignature : public testing::TestWithParam<SignatureCase> {
 protected:
  const Holder& holder() const { return GetParam().rsa ? rsa_holder() : ec_holder(); }
};

// covers: mdm.A01
TEST_P(CmsSignature, DetachedProvesExactlyTheseBytes) {
  const auto der = sign_detached(kContent, holder().signer(), GetParam().digest);
  ASSERT_TRUE(der) << der.error().message;
  const auto good = verify_detached(*der, kContent);
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->signer, holder().certificate.der);
  EXPECT_EQ(good->certificates, std::vector{holder().certificate.der});
  EXPECT_EQ(good->digest, GetParam().digest_name);
  EXPECT_TRUE(good->signing_time);
  EXPECT_EQ(good->content, "");
  for (std::size_t i = 0; i < kContent.size(); ++i) {
    auto changed = kContent;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_EQ(code_of(verify_detached(*der, changed)), "cms.signature") << i;
  }
  EXPECT_EQ(code_of(verify_detached(*der, "")), "cms.signature");
  EXPECT_EQ(code_of(verify_detached(*der, kContent + "\n")), "cms.signature");
  EXPECT_EQ(code_of(verify_attached(*der)), "cms.malformed");
}

TEST_P(CmsSignature, AttachedCarriesItsContent) {
  const auto der = sign_attached(kContent, holder().signer(), GetParam().digest);
  ASSERT_TRUE(der);
  const auto good = verify_attached(*der);
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->content, kContent);
  auto tampered = *der;
  tampered[tampered.find("other")] = 'O';
  EXPECT_EQ(code_of(verify_attached(tampered)), "cms.signature");
  EXPECT_EQ(code_of(verify_detached(*der, "other content")), "cms.signature");
}

TEST_P(CmsSignature, OpensslAgrees) {
  const OpensslCommand openssl;
  const auto der = sign_detached(kContent, holder().signer(), GetParam().digest);
  openssl.write("ours.der", *der);
  openssl.write("content", kContent);
  openssl.write("cert.pem", holder().certificate.pem());
  openssl.write("key.pem", holder().key.pem());
  EXPECT_TRUE(
      openssl.run("cms -verify -binary -inform DER -in ours.der -content content -noverify -out checked"))
      << openssl.errors();
  EXPECT_EQ(openssl.read("checked"), kContent);
  const std::string digest = GetParam().digest == Digest::sha1 ? "sha1" : "sha256";
  for (const char* extra : {"", "-noattr", "-keyid"}) {
    ASSERT_TRUE(
        openssl.run("cms -sign -binary -in content -signer cert.pem -inkey key.pem -outform DER -md " +
                    digest + " -out theirs.der " + extra))
        << openssl.errors();
    const auto theirs = verify_detached(openssl.read("theirs.der"), kContent);
    ASSERT_TRUE(theirs) << extra << theirs.error().message;
    EXPECT_EQ(theirs->signer, holder().certificate.der);
    EXPECT_EQ(theirs->signing_time.has_value(), std::string_view(extra) != "-noattr");
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, CmsSignature,
                         testing::Values(SignatureCase{"RsaSha256", true, Digest::sha256, "SHA256"},
                                         SignatureCase{"RsaSha1", true, Digest::sha1, "SHA1"},
                                         SignatureCase{"EcSha256", false, Digest::sha256, "SHA256"},
                                         SignatureCase{"EcSha1", false, Digest::sha1, "SHA1"}),
                         [](const auto& info) { return info.param.name; });

TEST_P(CmsSignature, TheQuickWayAgreesWithTheWholeOne) {
  const auto der = *sign_detached(kContent, holder().signer(), GetParam().digest);
  const auto quick = detail::verify_quickly(der, kContent);
  const auto whole = detail::verify_wholly(der, kContent);
  ASSERT_TRUE(quick);
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(quick->signer, whole->signer);
  EXPECT_EQ(quick->certificates, whole->certificates);
  EXPECT_EQ(quick->signing_time, whole->signing_time);
  EXPECT_EQ(quick->digest, whole->digest);
  EXPECT_FALSE(detail::verify_quickly(der, kContent + "x"));
  EXPECT_FALSE(detail::verify_quickly(der + "x", kContent));
  for (std::size_t i = 0; i < der.size(); ++i) {
    EXPECT_FALSE(detail::verify_quickly(std::string_view(der).substr(0, i), kContent));
    auto changed = der;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    // What neither the signature nor the key covers may be damaged; nothing else.
    if (detail::verify_quickly(changed, kContent)) {
      EXPECT_NE(code_of(detail::verify_wholly(changed, kContent)), "cms.signature") << i;
    }
  }
}

class CmsForeign : public testing::Test {
 protected:
  void SetUp() override {
    openssl_.write("content", kContent);
    openssl_.write("cert.pem", rsa_holder().certificate.pem());
    openssl_.write("key.pem", rsa_holder().key.pem());
    openssl_.write("cert2.pem", ec_holder().certificate.pem());
    openssl_.write("key2.pem", ec_holder().key.pem());
  }
  std::string signed_with(const std::string& arguments) {
    EXPECT_TRUE(openssl_.run("cms -sign -binary -in content -outform DER -out m.der " + arguments))
        << openssl_.errors();
    return openssl_.read("m.der");
  }
  OpensslCommand openssl_;
};

TEST_F(CmsForeign, OtherDigestsOfTheShaFamilyAreGoodAndMd5IsNot) {
  for (const char* digest : {"sha224", "sha384", "sha512"}) {
    const auto der = signed_with(std::string("-signer cert.pem -inkey key.pem -md ") + digest);
    EXPECT_EQ(code_of(verify_detached(der, kContent)), "ok") << digest;
    EXPECT_TRUE(detail::verify_quickly(der, kContent)) << digest;
  }
  EXPECT_EQ(code_of(verify_detached(signed_with("-signer cert.pem -inkey key.pem -md md5"), kContent)),
            "cms.algorithm");
}

// covers: mdm.A01
TEST_F(CmsForeign, ExactlyOneSignerWithItsCertificate) {
  const auto two = signed_with("-signer cert.pem -inkey key.pem -signer cert2.pem -inkey key2.pem");
  EXPECT_EQ(code_of(verify_detached(two, kContent)), "cms.signers");
  EXPECT_EQ(code_of(verify_detached(signed_with("-nocerts -signer cert.pem -inkey key.pem"), kContent)),
            "cms.no_certificate");
  ASSERT_TRUE(openssl_.run("crl2pkcs7 -nocrl -certfile cert.pem -outform DER -out degenerate.der"));
  EXPECT_EQ(code_of(verify_detached(openssl_.read("degenerate.der"), kContent)), "cms.signers");
}

TEST_F(CmsForeign, CertificatesSentAlongDoNotMatter) {
  const auto der = signed_with("-signer cert.pem -inkey key.pem -certfile cert2.pem");
  const auto good = verify_detached(der, kContent);
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->signer, rsa_holder().certificate.der);
  EXPECT_EQ(good->certificates.size(), 2U);
  EXPECT_TRUE(detail::verify_quickly(der, kContent));
}

TEST_F(CmsForeign, RefusesAnotherMessageType) {
  ASSERT_TRUE(openssl_.run("cms -encrypt -aes128 -in content -outform DER -out m.der cert.pem"));
  EXPECT_EQ(code_of(verify_detached(openssl_.read("m.der"), kContent)), "cms.malformed");
}

TEST(CmsSignatureBytes, EveryCutAndChangeIsRefusedOrHarmless) {
  const auto der = *sign_detached(kContent, ec_holder().signer());
  for (std::size_t i = 0; i < der.size(); ++i) {
    EXPECT_FALSE(verify_detached(std::string_view(der).substr(0, i), kContent));
    for (const char c : {'\0', '\x80', '\xFF', '\x30'}) {
      auto changed = der;
      changed[i] = c;
      // Some bytes prove nothing (unused parts of the certificate); the content is proven all the same.
      (void)verify_detached(changed, kContent);
      EXPECT_FALSE(verify_detached(changed, "other"));
    }
  }
  EXPECT_EQ(code_of(verify_detached(der + "x", kContent)), "cms.malformed");
}

TEST(CmsSignature, AChainThatCannotBeReadIsAnErrorAndNotLeftOut) {
  const auto signer = make_holder("signer").signer();
  auto broken = mooring::test::make_authority().certificate;
  broken.der.resize(broken.der.size() / 2);
  auto with_chain = signer;
  with_chain.chain = {broken};
  EXPECT_EQ(code_of(sign_attached(kContent, with_chain)), "cms.chain");
  EXPECT_EQ(code_of(sign_detached(kContent, with_chain)), "cms.chain");
}

}  // namespace
}  // namespace mooring::crypto::test
