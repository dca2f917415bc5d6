// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>

#include "base/crypto/crypto.hpp"
#include "base/encoding.hpp"

namespace mooring::crypto::test {
namespace {

TEST(Sha256, MatchesTheStandardsExamples) {
  EXPECT_EQ(to_hex(bytes_of(sha256(""))), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(bytes_of(sha256("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Uuid, IsWrittenAsApplesDevicesWriteIt) {
  const std::string text = "0123ABCD-4567-89AB-CDEF-0123456789AB";
  const auto uuid = Uuid::parse(text);
  ASSERT_TRUE(uuid);
  EXPECT_EQ(uuid->text(), text);
  EXPECT_EQ(Uuid::parse("0123abcd-4567-89ab-cdef-0123456789ab"), uuid);
}

TEST(Uuid, RefusesEveryOtherForm) {
  for (const auto* text : {"", "0123ABCD456789ABCDEF0123456789AB", "0123ABCD-4567-89AB-CDEF-0123456789A",
                           "0123ABCD-4567-89AB-CDEF-0123456789ABC", "0123ABCD-4567-89AB-CDEF-0123456789AG",
                           "0123ABCD4-567-89AB-CDEF-0123456789AB", "{123ABCD-4567-89AB-CDEF-0123456789A}",
                           "0123ABCD-4567-89AB-CDEF-------------"}) {
    EXPECT_FALSE(Uuid::parse(text)) << text;
  }
}

TEST(Uuid, DerivedIsStableAndDependsOnPurposeAndName) {
  const Uuid uuid = Uuid::derived("command", "device/item");
  EXPECT_EQ(uuid, Uuid::derived("command", "device/item"));
  EXPECT_NE(uuid, Uuid::derived("command", "device/other"));
  EXPECT_NE(uuid, Uuid::derived("profile", "device/item"));
  EXPECT_NE(Uuid::derived("ab", "c"), Uuid::derived("a", "bc"));
  EXPECT_EQ(uuid.text()[14], '8');
  EXPECT_NE(std::string("89AB").find(uuid.text()[19]), std::string::npos);
  // Stored in databases: the form must never change.
  EXPECT_EQ(Uuid::derived("test", "name").text(), "AA23A553-0398-8047-921F-9F0C7323EBA7");
}

TEST(Uuid, RandomIsVersionFourAndNeverRepeats) {
  std::set<Uuid> seen;
  for (int i = 0; i < 1000; ++i) {
    const Uuid uuid = Uuid::random();
    EXPECT_EQ(uuid.text()[14], '4');
    EXPECT_TRUE(seen.insert(uuid).second);
  }
}

TEST(RandomBytes, HaveTheLengthAskedForAndDiffer) {
  EXPECT_EQ(random_bytes(0).size(), 0U);
  EXPECT_EQ(random_bytes(33).size(), 33U);
  EXPECT_NE(random_bytes(32), random_bytes(32));
}

TEST(EqualConstantTime, ComparesContentAndLength) {
  EXPECT_TRUE(equal_constant_time("", ""));
  EXPECT_TRUE(equal_constant_time("token", "token"));
  EXPECT_FALSE(equal_constant_time("token", "tokem"));
  EXPECT_FALSE(equal_constant_time("token", "toke"));
}

}  // namespace
}  // namespace mooring::crypto::test
