// SPDX-License-Identifier: Apache-2.0
// Passwords held against a real OpenLDAP server.
#include <gtest/gtest.h>

#include "core/enroll/directory.hpp"
#include "tests/support/slapd.hpp"

namespace mooring::core::enroll {
namespace {

struct DirectoryTest : testing::Test {
  void SetUp() override {
    if (!test::Slapd::installed()) GTEST_SKIP() << "slapd is not installed";
    ASSERT_TRUE(slapd.start()) << slapd.log();
  }
  DirectoryOptions by_name() const {
    return {.url = slapd.url(), .bind_dn = "uid={user},ou=people,dc=example,dc=org"};
  }
  DirectoryOptions by_search() const {
    return {.url = slapd.url(),
            .search_base = "dc=example,dc=org",
            .service_dn = "cn=service,dc=example,dc=org",
            .service_password = "service"};
  }
  /// "yes", "no" or the code of the error.
  static std::string ask(const DirectoryOptions& options, const std::string& user,
                         const std::string& password) {
    const auto right = Directory(options).check(user, password);
    return right ? (*right ? "yes" : "no") : right.error().code;
  }

  test::Slapd slapd;
};

TEST_F(DirectoryTest, BindsByNameOrSearchesFirst) {
  for (const auto& options : {by_name(), by_search()}) {
    EXPECT_EQ(ask(options, "ada", "lovelace"), "yes");
    EXPECT_EQ(ask(options, "ada", "Lovelace"), "no");
    EXPECT_EQ(ask(options, "eve", "lovelace"), "no");
    EXPECT_EQ(ask(options, "bob (a+b)", "builder"), "yes");
    EXPECT_EQ(ask(options, "ada", ""), "no") << "an anonymous bind proves nothing";
    EXPECT_EQ(ask(options, "", ""), "no");
    EXPECT_EQ(ask(options, "*", "lovelace"), "no");
    EXPECT_EQ(ask(options, "ada)(uid=*", "lovelace"), "no");
    EXPECT_EQ(ask(options, "ada,ou=people,dc=example,dc=org", "lovelace"), "no");
    EXPECT_EQ(ask(options, "\xFF\xFE", "lovelace"), "no");
  }
}

TEST_F(DirectoryTest, ARuleThatFitsSeveralPeopleLetsNobodyIn) {
  auto options = by_search();
  options.search_filter = "(sn={user})";
  EXPECT_EQ(ask(options, "twin", "lovelace"), "directory.ambiguous");
}

TEST_F(DirectoryTest, AnotherPasswordOfTheServiceAccountIsNobodysFault) {
  auto options = by_search();
  options.service_password = "wrong";
  EXPECT_EQ(ask(options, "ada", "lovelace"), "directory.refused");
}

TEST_F(DirectoryTest, TlsIsUsedAndJudged) {
  auto options = by_name();
  options.start_tls = true;
  EXPECT_EQ(ask(options, "ada", "lovelace"), "directory.refused") << "the system does not know its authority";
  options.trust_file = slapd.trust_file();
  EXPECT_EQ(ask(options, "ada", "lovelace"), "yes");
  options.start_tls = false;
  options.url = slapd.tls_url();
  EXPECT_EQ(ask(options, "ada", "lovelace"), "yes");
  options.trust_file.clear();
  EXPECT_NE(ask(options, "ada", "lovelace"), "yes");
}

TEST_F(DirectoryTest, OneThatIsAwayIsUnavailable) {
  slapd.stop();
  EXPECT_EQ(ask(by_name(), "ada", "lovelace"), "directory.unavailable");
  EXPECT_EQ(ask(by_search(), "ada", "lovelace"), "directory.unavailable");
}

}  // namespace
}  // namespace mooring::core::enroll
