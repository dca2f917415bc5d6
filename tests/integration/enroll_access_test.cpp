// SPDX-License-Identifier: Apache-2.0
// Who may enroll: Basic and Digest with curl, password files as htpasswd writes them, a real
// directory.
#include <gmock/gmock.h>

#include "tests/integration/enroll_fixture.hpp"
#include "tests/support/slapd.hpp"

namespace mooring::test {
namespace {

using core::enroll::CredentialOptions;
using core::enroll::DigestAlgorithm;
using ::testing::HasSubstr;

struct EnrollAccess : testing::Test {
  void SetUp() override {
    const auto file = (files.path() / "users").string();
    ASSERT_EQ(run_program({"htpasswd", "-cbB", "-C", "5", file, "ada", "lovelace"}).status, 0);
    const auto md5 = core::enroll::digest_ha1(DigestAlgorithm::md5, "dora", "Mooring", "explorer");
    const auto sha = core::enroll::digest_ha1(DigestAlgorithm::sha256, "dora", "Mooring", "explorer");
    files.write("users", files.read("users") + "dora:Mooring:" + md5 + "\ndora:Mooring:" + sha + "\n");
    options.password_file = file;
    options.limits = {.by_user = 3, .by_address = 8};
  }
  void serve(const char* access) {
    server = std::make_unique<EnrollFixture>(options);
    server->put("office", R"({"signed": false, "access": ")" + std::string(access) + "\"}");
  }
  Ran curl(std::vector<std::string> arguments) {
    return server->curl(std::move(arguments), "/enroll/office");
  }
  std::string user_of(const Ran& ran) {
    const auto body = ran.output.substr(0, ran.output.rfind('\n'));
    return server->challenge_column(EnrollFixture::challenge_of(body), "user_name");
  }

  ScratchDirectory files;
  CredentialOptions options;
  std::unique_ptr<EnrollFixture> server;
};

// covers: seed.11
TEST_F(EnrollAccess, BasicTakesTheUserIntoTheChallenge) {
  serve("basic");
  const auto asked = curl({"-i"});
  EXPECT_EQ(EnrollFixture::status_of(asked), "401");
  EXPECT_THAT(asked.output, HasSubstr("WWW-Authenticate: Basic realm=\"Mooring\""));
  const auto good = curl({"--basic", "-u", "ada:lovelace"});
  ASSERT_EQ(EnrollFixture::status_of(good), "200") << good.output;
  EXPECT_EQ(user_of(good), "ada");
  EXPECT_EQ(EnrollFixture::status_of(curl({"--basic", "-u", "ada:wrong"})), "401");
  EXPECT_EQ(EnrollFixture::status_of(curl({"--basic", "-u", "eve:lovelace"})), "401");
  EXPECT_EQ(EnrollFixture::status_of(curl({"--basic", "-u", "dora:explorer"})), "200") << "from her HA1";
  EXPECT_EQ(server->served("download", "success"), 2);
  EXPECT_EQ(server->served("download", "refused"), 2) << "a first request without credentials is no refusal";
}

// covers: seed.11
TEST_F(EnrollAccess, DigestWorksWithCurl) {
  serve("digest");
  const auto asked = curl({"-i"});
  EXPECT_THAT(asked.output, HasSubstr("algorithm=SHA-256"));
  EXPECT_THAT(asked.output, HasSubstr("algorithm=MD5"));
  const auto good = curl({"--digest", "-u", "dora:explorer"});
  ASSERT_EQ(EnrollFixture::status_of(good), "200") << good.output;
  EXPECT_EQ(user_of(good), "dora");
  EXPECT_EQ(EnrollFixture::status_of(curl({"--digest", "-u", "dora:wrong"})), "401");
  EXPECT_EQ(EnrollFixture::status_of(curl({"--digest", "-u", "ada:lovelace"})), "401") << "she has no HA1";
}

// covers: seed.11
TEST_F(EnrollAccess, DigestWithMd5AloneOffersNothingElse) {
  // As htdigest does it, by openssl: "<digits> *file".
  const auto made =
      run_program({"openssl", "dgst", "-md5", "-r", files.write("text", "dora:Mooring:explorer")});
  ASSERT_EQ(made.status, 0) << made.output;
  const auto file = files.write("digests", "dora:Mooring:" + made.output.substr(0, 32) + "\n");
  options.password_file = file;
  serve("digest");
  const auto asked = curl({"-i"});
  EXPECT_FALSE(asked.output.contains("SHA-256")) << "clients would choose what cannot be checked";
  EXPECT_EQ(EnrollFixture::status_of(curl({"--digest", "-u", "dora:explorer"})), "200");
}

std::string nonce_of(const http::Response& response) {
  const auto field = response.headers.get("WWW-Authenticate");
  const auto at = field.find("nonce=\"") + 7;
  return std::string(field.substr(at, field.find('"', at) - at));
}

std::string digest_field(const std::string& nonce, const std::string& nc, const std::string& uri) {
  core::enroll::DigestAnswer answer{.nonce = nonce, .uri = uri, .cnonce = "c", .nc = nc};
  const auto ha1 = core::enroll::digest_ha1(DigestAlgorithm::md5, "dora", "Mooring", "explorer");
  const auto ha2 = core::enroll::digest_hash(DigestAlgorithm::md5, "GET:" + uri);
  const auto response =
      core::enroll::digest_hash(DigestAlgorithm::md5, ha1 + ':' + nonce + ':' + nc + ":c:auth:" + ha2);
  return "Digest username=\"dora\", realm=\"Mooring\", nonce=\"" + nonce + "\", uri=\"" + uri +
         "\", response=\"" + response + "\", algorithm=MD5, cnonce=\"c\", qop=auth, nc=" + nc;
}

TEST_F(EnrollAccess, ARecordedDigestIsGoodForNothing) {
  serve("digest");
  const auto nonce = nonce_of(server->get("/enroll/office"));
  EXPECT_EQ(server->get("/enroll/office", digest_field(nonce, "00000002", "/enroll/office")).status, 200);
  const auto replayed = server->get("/enroll/office", digest_field(nonce, "00000002", "/enroll/office"));
  EXPECT_EQ(replayed.status, 401);
  EXPECT_THAT(std::string(replayed.headers.get("WWW-Authenticate")), HasSubstr("stale=true"));
  EXPECT_EQ(server->get("/enroll/office", digest_field(nonce, "00000001", "/enroll/office")).status, 401);
  EXPECT_EQ(server->get("/enroll/office", digest_field(nonce, "00000003", "/enroll/other")).status, 401);
  EXPECT_EQ(server->get("/enroll/office", digest_field(nonce, "00000004", "/enroll/office")).status, 200);
  server->clock.advance(std::chrono::minutes(6));
  const auto old = server->get("/enroll/office", digest_field(nonce, "00000005", "/enroll/office"));
  EXPECT_EQ(old.status, 401);
  EXPECT_THAT(std::string(old.headers.get("WWW-Authenticate")), HasSubstr("stale=true"));
  EXPECT_EQ(server->get("/enroll/office", digest_field("00", "00000001", "/enroll/office")).status, 401);
}

TEST_F(EnrollAccess, GuessingIsSlowedDown) {
  serve("basic");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(EnrollFixture::status_of(curl({"-u", "ada:wrong"})), "401");
  const auto locked = curl({"-i", "-u", "ada:lovelace"});
  EXPECT_EQ(EnrollFixture::status_of(locked), "429");
  EXPECT_THAT(locked.output, HasSubstr("Retry-After: "));
  EXPECT_EQ(EnrollFixture::status_of(curl({"-u", "dora:explorer"})), "200") << "others are not concerned";
  server->clock.advance(std::chrono::minutes(10));
  EXPECT_EQ(EnrollFixture::status_of(curl({"-u", "ada:lovelace"})), "200");
}

TEST_F(EnrollAccess, WithoutAnythingToAskItSaysSo) {
  options.password_file.clear();
  serve("basic");
  const auto answer = curl({"-u", "ada:lovelace"});
  EXPECT_EQ(EnrollFixture::status_of(answer), "503");
  EXPECT_THAT(answer.output, HasSubstr("--enroll-password-file"));
}

TEST_F(EnrollAccess, AChangedFileCountsAtOnce) {
  serve("basic");
  EXPECT_EQ(EnrollFixture::status_of(curl({"-u", "ada:lovelace"})), "200");
  ASSERT_EQ(
      run_program({"htpasswd", "-bB", "-C", "6", options.password_file.string(), "ada", "changed it"}).status,
      0);
  EXPECT_EQ(EnrollFixture::status_of(curl({"-u", "ada:changed it"})), "200");
  EXPECT_EQ(EnrollFixture::status_of(curl({"-u", "ada:lovelace"})), "401");
}

// covers: seed.11
TEST_F(EnrollAccess, PeopleOfTheDirectoryEnroll) {
  if (!Slapd::installed()) GTEST_SKIP() << "slapd is not installed";
  Slapd slapd;
  ASSERT_TRUE(slapd.start()) << slapd.log();
  options.directory = {.url = slapd.url(), .bind_dn = "uid={user},ou=people,dc=example,dc=org"};
  files.write("users", "");
  options.limits = {};
  serve("basic");
  const auto good = curl({"-u", "ada:lovelace"});
  ASSERT_EQ(EnrollFixture::status_of(good), "200") << good.output;
  EXPECT_EQ(user_of(good), "ada");
  const auto odd = curl({"-u", "bob (a+b):builder"});
  ASSERT_EQ(EnrollFixture::status_of(odd), "200") << odd.output;
  EXPECT_EQ(user_of(odd), "bob (a+b)");
  EXPECT_EQ(EnrollFixture::status_of(curl({"-u", "ada:wrong"})), "401");
  EXPECT_EQ(EnrollFixture::status_of(curl({"-u", "ada:"})), "401");
  slapd.stop();
  EXPECT_EQ(EnrollFixture::status_of(curl({"-u", "ada:lovelace"})), "503");
  EXPECT_EQ(server->served("download", "error"), 1);
}

}  // namespace
}  // namespace mooring::test
