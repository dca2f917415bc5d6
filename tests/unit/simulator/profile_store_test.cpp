// SPDX-License-Identifier: Apache-2.0
#include "simulator/profile_store.hpp"

#include <gtest/gtest.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

#include "tests/unit/simulator/support.hpp"

namespace mooring::simulator {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

/// The content signed by a key made for it, DER.
std::string sign(const std::string& content) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> in(
      BIO_new_mem_buf(content.data(), static_cast<int>(content.size())), BIO_free_all);
  const std::unique_ptr<CMS_ContentInfo, decltype(&CMS_ContentInfo_free)> cms(
      CMS_sign(certificate.get(), key.get(), nullptr, in.get(), CMS_BINARY), CMS_ContentInfo_free);
  unsigned char* der = nullptr;
  const int size = i2d_CMS_ContentInfo(cms.get(), &der);
  std::string bytes(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return bytes;
}

TEST(ReadProfile, ASignedProfileIsReadThroughItsSignature) {
  const auto bytes = sign(profile("a", "v1"));
  const auto read = read_profile(bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->identifier + read->uuid, "av1");
  EXPECT_EQ(read->content, bytes);
}

TEST(ReadProfile, ABinaryProfileIsReadToo) {
  const auto read = read_profile(plist::to_binary(*plist::parse(profile("a", "v1"))));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->payloads.size(), 1U);
}

TEST(ReadProfile, WhatIsMissingIsNamed) {
  for (const auto* key : {"PayloadIdentifier", "PayloadUUID", "PayloadType", "PayloadContent"}) {
    auto dict = *plist::parse_dict(profile("a", "v1"));
    dict.erase(key);
    const auto read = read_profile(plist::to_xml(dict));
    ASSERT_FALSE(read) << key;
    EXPECT_EQ(read.error().code, "profile.malformed");
    EXPECT_NE(read.error().message.find(key), std::string::npos) << read.error().message;
  }
}

TEST(ProfileStore, CertificatesInProfilesAreListed) {
  const plist::Dict payload{{"PayloadType", "com.apple.security.root"},
                            {"PayloadIdentifier", "ca.root"},
                            {"PayloadUUID", "1"},
                            {"PayloadDisplayName", "Example CA"},
                            {"PayloadContent", plist::Data{"DER"}}};
  auto dict = *plist::parse_dict(profile("ca", "v1"));
  dict.set("PayloadContent", plist::Array{payload});
  ProfileStore store;
  store.install(*read_profile(plist::to_xml(dict)));
  const plist::Array expected{
      plist::Dict{{"CommonName", "Example CA"}, {"IsIdentity", false}, {"Data", plist::Data{"DER"}}}};
  EXPECT_EQ(store.certificates(), expected);
}

TEST(ProfileStore, PayloadUuidsAreListedFromTheVersionThatHasThem) {
  ProfileStore store;
  store.install(*read_profile(profile("a", "v1")));
  const auto has_uuid = [&](schema::Platform platform, const char* version) {
    const auto list = store.listing(false, {.platform = platform, .os_version = version});
    const auto& payload = *list.front().as<plist::Dict>()->array("PayloadContent")->front().as<plist::Dict>();
    return payload.find("PayloadUUID") != nullptr;
  };
  EXPECT_TRUE(has_uuid(schema::Platform::macos, "14.0"));
  EXPECT_FALSE(has_uuid(schema::Platform::macos, "13.7.1"));
  EXPECT_TRUE(has_uuid(schema::Platform::ios, "17.0"));
  EXPECT_FALSE(has_uuid(schema::Platform::ios, "16.6"));
}

}  // namespace
}  // namespace mooring::simulator
