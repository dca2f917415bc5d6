// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "core/enroll/attempts.hpp"
#include "core/enroll/detail/form.hpp"
#include "core/enroll/directory.hpp"
#include "core/enroll/password_file.hpp"

namespace mooring::core::enroll {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Time kNow{std::chrono::hours(24 * 365 * 55)};

/// The example of RFC 7616 section 3.9.1.
std::string mufasa(const std::string& algorithm, const std::string& response) {
  return "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm=" +
         algorithm +
         ", nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, "
         "cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, response=\"" +
         response + "\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
}

TEST(DigestAuth, AgreesWithTheExamplesOfTheRfc) {
  for (const auto& [name, algorithm, response] :
       {std::tuple{"MD5", DigestAlgorithm::md5, "8ca523f5e9506fed4657c9700eebdbec"},
        std::tuple{"SHA-256", DigestAlgorithm::sha256,
                   "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"}}) {
    const auto answer = parse_digest(mufasa(name, response));
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->algorithm, algorithm);
    EXPECT_EQ(answer->count, 1U);
    const auto ha1 = digest_ha1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life");
    EXPECT_TRUE(digest_matches(*answer, ha1, "GET"));
    EXPECT_FALSE(digest_matches(*answer, ha1, "POST"));
    EXPECT_FALSE(digest_matches(
        *answer, digest_ha1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Strife"), "GET"));
  }
}

TEST(DigestAuth, BrokenFieldsAreRefused) {
  const auto good = mufasa("MD5", "8ca523f5e9506fed4657c9700eebdbec");
  const auto with = [&](std::string_view from, std::string_view to) {
    auto text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  EXPECT_FALSE(parse_digest("Basic abc"));
  EXPECT_FALSE(parse_digest("Digest"));
  EXPECT_FALSE(parse_digest("Digest nonsense"));
  EXPECT_FALSE(parse_digest(with("qop=auth", "qop=auth-int")));
  EXPECT_FALSE(parse_digest(with("nc=00000001", "nc=1")));
  EXPECT_FALSE(parse_digest(with("nc=00000001", "nc=00000000")));
  EXPECT_FALSE(parse_digest(with("algorithm=MD5", "algorithm=MD5-sess")));
  EXPECT_FALSE(parse_digest(with("nc=", "nc2=")));
  EXPECT_FALSE(parse_digest(with("opaque=", "uri=\"/other\", opaque=")));
  EXPECT_FALSE(parse_digest("Digest username=\"open"));
  const auto quoted = parse_digest(with("\"Mufasa\"", R"("a\"b\\c, d")"));
  ASSERT_TRUE(quoted) << quoted.error().message;
  EXPECT_EQ(quoted->user, "a\"b\\c, d");
}

TEST(DigestAuth, ANonceIsGoodForItsRealmAndTimeOnly) {
  const NonceMaker maker("key", std::chrono::seconds(300));
  const auto nonce = maker.make("realm", kNow);
  using enum NonceMaker::Verdict;
  EXPECT_EQ(maker.judge(nonce, "realm", kNow + std::chrono::seconds(300)), good);
  EXPECT_EQ(maker.judge(nonce, "realm", kNow + std::chrono::seconds(301)), stale);
  EXPECT_EQ(maker.judge(nonce, "other", kNow), foreign);
  EXPECT_EQ(NonceMaker("other", std::chrono::seconds(300)).judge(nonce, "realm", kNow), foreign);
  auto forged = nonce;
  forged[0] = forged[0] == '0' ? '1' : '0';
  EXPECT_EQ(maker.judge(forged, "realm", kNow), foreign);
  EXPECT_EQ(maker.judge("", "realm", kNow), foreign);
  EXPECT_NE(nonce, maker.make("realm", kNow));
}

TEST(DigestAuth, BasicIsRead) {
  const auto answer = parse_basic("basic " + to_base64("ada:with:colons"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->user, "ada");
  EXPECT_EQ(answer->password, "with:colons");
  EXPECT_FALSE(parse_basic("Basic !!!"));
  EXPECT_FALSE(parse_basic("Basic " + to_base64("nocolon")));
  EXPECT_FALSE(parse_basic("Bearer x"));
}

PasswordTable table_of(const std::string& text) {
  auto table = PasswordTable::parse(text);
  EXPECT_TRUE(table) << table.error().message;
  return table ? std::move(*table) : PasswordTable{};
}

TEST(PasswordTable, TakesWhatOpensslHtpasswdAndCryptMake) {
  // Of "correct horse": openssl passwd -6 and -5, htpasswd -B, crypt(3) with yescrypt.
  const auto table = table_of(
      "sha512:$6$saltsalt$hRM5XZ86KXEw9UOmjigeVqFgULtFB2sgpC9lXQDfMib3Zgw7mEiUvBJI2EplzfAqxL5Vvwp2scFtv/"
      "uamSo5z0\n"
      "sha256:$5$saltsalt$myjXcpMpE2Ofk7fj9hqyNYSn6lmWG4Mqnjx.KIRRr4/\n"
      "bcrypt:$2y$05$luGIpEQYw2eJGxmjQaWXFu9B1OPNwCEPXyYa7C1Y6l554fiZfdGIy\n"
      "yescrypt:$y$j9T$saltsalt$IFUVMd9IZg.1qt0VDKUmwCd8zfLLrtDA9mffjiD5skD\n");
  for (const auto* user : {"sha512", "sha256", "bcrypt", "yescrypt"}) {
    EXPECT_TRUE(table.check(user, "correct horse")) << user;
    EXPECT_FALSE(table.check(user, "correct hors")) << user;
    EXPECT_FALSE(table.check(user, std::string("correct horse\0x", 15))) << user;
  }
}

TEST(PasswordTable, HoldsPasswordsAgainstDigests) {
  const auto md5 = digest_ha1(DigestAlgorithm::md5, "ada", "Mooring", "secret");
  const auto sha = digest_ha1(DigestAlgorithm::sha256, "bob", "Mooring", "secret");
  const auto table = table_of("# people\n\nada:Mooring:" + md5 + "\r\nbob:Mooring:" + sha + "\n");
  EXPECT_TRUE(table.check("ada", "secret"));
  EXPECT_TRUE(table.check("bob", "secret"));
  EXPECT_FALSE(table.check("ada", "Secret"));
  EXPECT_FALSE(table.check("eve", "secret"));
  EXPECT_EQ(table.ha1("ada", "Mooring", DigestAlgorithm::md5), md5);
  EXPECT_EQ(table.ha1("ada", "Mooring", DigestAlgorithm::sha256), std::nullopt);
  EXPECT_EQ(table.ha1("ada", "Other", DigestAlgorithm::md5), std::nullopt);
}

TEST(PasswordTable, OffersOnlyWhatEveryUserHas) {
  const std::string md5(32, 'a');
  const std::string sha(64, 'a');
  const auto both = std::vector{DigestAlgorithm::sha256, DigestAlgorithm::md5};
  EXPECT_EQ(table_of("").algorithms("r"), both);
  EXPECT_EQ(table_of("a:r:" + md5).algorithms("r"), std::vector{DigestAlgorithm::md5});
  EXPECT_EQ(table_of("a:r:" + sha).algorithms("r"), std::vector{DigestAlgorithm::sha256});
  EXPECT_EQ(table_of("a:r:" + md5 + "\na:r:" + sha + "\nb:r:" + md5).algorithms("r"),
            std::vector{DigestAlgorithm::md5});
  EXPECT_EQ(table_of("a:r:" + md5 + "\na:r:" + sha).algorithms("r"), both);
}

TEST(PasswordTable, NamesTheLineThatIsWrong) {
  for (const auto* line : {"nocolon", ":empty", "ada:plaintext", "ada:$1$old$hash", "ada:realm:short"}) {
    const auto table = PasswordTable::parse(std::string("# one\n") + line);
    ASSERT_FALSE(table) << line;
    EXPECT_THAT(table.error().message, HasSubstr("line 2 of the password file"));
  }
}

TEST(Directory, EscapesWhatPeopleType) {
  EXPECT_EQ(escape_filter("a*(b)\\c"), "a\\2a\\28b\\29\\5cc");
  EXPECT_EQ(escape_filter(std::string("x\0y", 3)), "x\\00y");
  EXPECT_EQ(escape_dn("ada,ou=admins"), "ada\\,ou\\=admins");
  EXPECT_EQ(escape_dn(" #x "), "\\ #x\\ ");
  EXPECT_EQ(escape_dn("#a+b\"c<d>e;f\\g"), "\\#a\\+b\\\"c\\<d\\>e\\;f\\\\g");
  EXPECT_EQ(escape_dn("J\xC3\xBCrgen"), "J\xC3\xBCrgen");
}

TEST(Attempts, ManyWrongOnesByUserOrAddressWait) {
  Attempts attempts({.by_user = 2, .by_address = 3, .window = std::chrono::seconds(60)});
  EXPECT_FALSE(attempts.begin("1.1.1.1", "ada", kNow));
  EXPECT_FALSE(attempts.begin("1.1.1.1", "ada", kNow));
  EXPECT_EQ(attempts.begin("2.2.2.2", "ada", kNow + std::chrono::seconds(20)), std::chrono::seconds(40));
  EXPECT_FALSE(attempts.begin("1.1.1.1", "bob", kNow));
  EXPECT_TRUE(attempts.begin("1.1.1.1", "eve", kNow)) << "the address had three";
  EXPECT_FALSE(attempts.begin("1.1.1.1", "ada", kNow + std::chrono::seconds(60)));
}

TEST(Attempts, RightOnesDoNotCount) {
  Attempts attempts({.by_user = 1, .by_address = 1});
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(attempts.begin("1.1.1.1", "ada", kNow));
    attempts.forgive("1.1.1.1", "ada");
  }
}

TEST(Attempts, MemoryIsBounded) {
  Attempts attempts({.by_user = 1, .by_address = 1000000, .remembered = 100});
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(attempts.begin("a", "user" + std::to_string(i), kNow + std::chrono::seconds(i)));
  }
  EXPECT_TRUE(attempts.begin("a", "user999", kNow + std::chrono::seconds(999)));
}

// A name that is not part of the question would be believed with anybody's password.
TEST(DirectoryOptions, MustAskForTheUser) {
  const std::string url = "ldaps://ldap.example.com";
  const auto good = [](const DirectoryOptions& options) { return check_options(options).has_value(); };
  EXPECT_TRUE(good({.url = url, .bind_dn = "uid={user},dc=x"}));
  EXPECT_TRUE(good({.url = url, .search_base = "dc=x"}));
  EXPECT_TRUE(good({.url = url, .search_base = "dc=x", .search_filter = "(|(uid={user})(mail={user}))"}));
  EXPECT_FALSE(good({.url = url, .bind_dn = "uid=ada,dc=x"}));
  EXPECT_FALSE(good({.url = url, .search_base = "dc=x", .search_filter = "(uid=ada)"}));
  EXPECT_FALSE(good({.url = url}));
  EXPECT_FALSE(good({.url = url, .bind_dn = "uid={user},dc=x", .search_base = "dc=x"}));
  EXPECT_FALSE(good({.url = "https://ldap.example.com", .bind_dn = "uid={user},dc=x"}));
}

TEST(SignInPage, ShowsNothingThatSomebodyElseWrote) {
  const auto html = detail::sign_in_html({.organization = "A & B"}, "\"><script>", "<b>");
  EXPECT_THAT(html, HasSubstr("A &amp; B"));
  EXPECT_THAT(html, HasSubstr("value=\"&quot;&gt;&lt;script&gt;\""));
  EXPECT_THAT(html, HasSubstr("&lt;b&gt;"));
  EXPECT_FALSE(html.contains("<script"));
}

TEST(SignInPage, FieldsAreRead) {
  EXPECT_EQ(detail::form_field("username=a%40b&password=x+y%26", "username"), "a@b");
  EXPECT_EQ(detail::form_field("username=a%40b&password=x+y%26", "password"), "x y&");
  EXPECT_EQ(detail::form_field("username=%zz", "username"), std::nullopt);
  EXPECT_EQ(detail::form_field("a=b", "username"), std::nullopt);
}

}  // namespace
}  // namespace mooring::core::enroll
