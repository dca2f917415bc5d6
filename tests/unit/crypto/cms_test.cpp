// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/crypto/crypto.hpp"
#include "tests/unit/crypto/signed_message.hpp"

namespace mooring::crypto::test {
namespace {

using mooring::test::signed_message;

TEST(CmsContent, ComesOutOfDerAndPem) {
  const std::string content = std::string("<plist>\0 any bytes", 18) + std::string(5000, 'x');
  const std::string der = signed_message(content);
  const std::string pem = signed_message(content, {.pem = true});
  EXPECT_TRUE(looks_like_cms(der));
  EXPECT_TRUE(looks_like_cms(pem));
  EXPECT_TRUE(looks_like_cms("\n" + pem));
  EXPECT_EQ(cms_content(der), content);
  EXPECT_EQ(cms_content(pem), content);
}

TEST(CmsContent, DoesNotJudgeTheSignature) {
  std::string der = signed_message("content");
  der.back() = static_cast<char>(der.back() ^ 1);
  EXPECT_EQ(cms_content(der), "content");
}

TEST(CmsContent, OfADetachedSignatureIsAnError) {
  const auto content = cms_content(signed_message("content", {.detached = true}));
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().code, "cms.no_content");
}

TEST(CmsContent, RefusesWhatIsNoSignedMessage) {
  // An encrypted PEM must not make OpenSSL ask for a password; pkcs7-data is CMS, but of another type.
  const std::string encrypted =
      "-----BEGIN CMS-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: "
      "AES-128-CBC,00000000000000000000000000000000\n\n"
      "AAAAAAAAAAAAAAAAAAAAAA==\n-----END CMS-----\n";
  const std::string data_only("\x30\x0F\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01\xA0\x02\x04\x00", 17);
  for (const std::string& bytes :
       {std::string(), std::string("<plist/>"), std::string("\x30\x82\xFF\xFF\x06"), encrypted, data_only,
        std::string("-----BEGIN PKCS7-----\n%%%\n-----END PKCS7-----\n"), std::string(200, '\x30')}) {
    const auto content = cms_content(bytes);
    ASSERT_FALSE(content);
    EXPECT_EQ(content.error().code, "cms.malformed");
  }
}

TEST(CmsContent, SurvivesEveryCutAndManyChangedBytes) {
  const std::string good = signed_message("content");
  for (std::size_t i = 0; i < good.size(); ++i) {
    EXPECT_FALSE(cms_content(good.substr(0, i)));
    for (const char c : {'\0', '\x80', '\xFF', '\x30'}) {
      std::string changed = good;
      changed[i] = c;
      (void)cms_content(changed);
    }
  }
}

TEST(LooksLikeCms, IsFalseForPropertyLists) {
  for (const auto* text :
       {"", "0", "<?xml version=\"1.0\"?>", "bplist00", "-----BEGIN CERTIFICATE-----", "0123"}) {
    EXPECT_FALSE(looks_like_cms(text)) << text;
  }
}

}  // namespace
}  // namespace mooring::crypto::test
