// SPDX-License-Identifier: Apache-2.0
// The real server over TLS: a profile is opened by the API, fetched by curl, and verified by openssl.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "app/demo_process.hpp"
#include "base/crypto/x509.hpp"
#include "base/http/client.hpp"
#include "base/plist/plist.hpp"
#include "core/enroll/digest_auth.hpp"
#include "schema/schema.hpp"
#include "simulator/enrollment.hpp"
#include "tests/support/child_process.hpp"

namespace mooring::test {
namespace {

using ::testing::HasSubstr;

/// A simulated device fetches the profile and asks for its certificate.
Task<> fetch(boost::asio::any_io_executor executor, simulator::EnrollmentWay way,
             Result<simulator::Enrollment>* enrollment) {
  auto key = crypto::PrivateKey::generate(crypto::KeyType::rsa_2048);
  simulator::Identity identity{.udid = "UDID-1", .serial = "C02X"};
  *enrollment = co_await simulator::fetch_enrollment(std::move(executor), std::move(way), std::move(key),
                                                     std::move(identity));
}

struct Enroll : testing::Test {
  void SetUp() override {
    std::filesystem::permissions(files.path(),
                                 std::filesystem::perms::all);  // the server may run as another user
    const auto ha1 =
        core::enroll::digest_ha1(core::enroll::DigestAlgorithm::md5, "ada", "Mooring", "lovelace");
    const auto users = files.write("users", "ada:Mooring:" + ha1 + "\n");
    const app::ServerCommand command{
        .arguments = {"serve", "--device-identity=off", "--data-dir=" + (files.path() / "data").string(),
                      "--device-listen=127.0.0.1:0", "--api-listen=127.0.0.1:0",
                      "--enroll-password-file=" + users, "--log-level=warning"},
        .log_file = files.path() / "server.log",
        .expects_token = true,
        .binary = MOORING_BINARY};
    auto started = app::ServerProcess::start(command, {}, std::chrono::seconds(60));
    ASSERT_TRUE(started) << started.error().message << files.read("server.log");
    server = std::move(*started);
  }
  void put(const std::string& name, const std::string& json) {
    http::Request request;
    request.method = "PUT";
    request.target = "/v1/enrollment-profiles/" + name;
    request.headers.set("Authorization", "Bearer " + server->announcement().token);
    request.body = json;
    const auto answer = http::fetch(server->announcement().api_url, std::move(request));
    ASSERT_TRUE(answer) << answer.error().message;
    ASSERT_LT(answer->status, 300) << answer->body;
  }
  /// Status; the body goes to the file "body".
  std::string curl(std::vector<std::string> arguments, const std::string& path) {
    arguments.insert(arguments.begin(), {"curl", "-sS", "-w", "%{http_code}", "-o", files.path() / "body"});
    arguments.push_back(server->announcement().device_url + path);
    return run_program(arguments).output;
  }

  /// A simulated device enrolls by "people".
  void check_enrollment();

  ScratchDirectory files;
  std::unique_ptr<app::ServerProcess> server;
};

// covers: mdm.E01, mdm.E02, seed.06, seed.12
TEST_F(Enroll, AProfileFromTheRealServerIsTrustedByOpensslAndAppleSchema) {
  EXPECT_EQ(curl({"-k"}, "/enroll"), "404") << "closed until somebody opens it";
  put("default", R"({"access": "open", "organization": "Example", "mdm": {"Topic": "com.apple.mgmt.e2e"}})");
  ASSERT_EQ(curl({"-k"}, "/enroll"), "200") << files.read("body");
  const auto signed_profile = (files.path() / "body").string();
  const auto content = (files.path() / "content").string();
  // What the profile brings is what its own signature and the listener's certificate are checked against.
  ASSERT_EQ(run_program({"openssl", "cms", "-verify", "-noverify", "-inform", "DER", "-in", signed_profile,
                         "-out", content})
                .status,
            0);
  const auto profile = plist::parse_dict(files.read("content"));
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_EQ(to_string(schema::Schema::apple().check_profile(*profile)), "");
  std::string roots;
  std::string server_url;
  for (const auto& value : *profile->array("PayloadContent")) {
    const auto& payload = *value.as<plist::Dict>();
    if (*payload.string("PayloadType") == "com.apple.security.root") {
      roots += crypto::Certificate::from_der(payload.data("PayloadContent")->bytes)->pem();
    }
    if (const auto* url = payload.string("ServerURL")) server_url = *url;
  }
  const auto trust = files.write("trust.pem", roots);
  const auto verified = run_program({"openssl", "cms", "-verify", "-inform", "DER", "-in", signed_profile,
                                     "-CAfile", trust, "-out", content});
  EXPECT_EQ(verified.status, 0) << verified.output;
  EXPECT_EQ(server_url, server->announcement().device_url + "/mdm");
  EXPECT_EQ(curl({"--cacert", trust}, "/mdm/enroll"), "200")
      << "the listener's certificate comes from that root";
}

// covers: seed.06, mdm.S02
TEST_F(Enroll, TheClassicLayoutIsThere) {
  put("default", R"({"access": "open", "mdm": {"Topic": "com.apple.mgmt.e2e"}})");
  for (const char* path : {"/enroll", "/mdm/enroll", "/ota/enroll", "/scep?operation=GetCACaps"}) {
    EXPECT_EQ(curl({"-k"}, path), "200") << path;
  }
  EXPECT_EQ(curl({"-k"}, "/scep?operation=GetCACaps&message=" + std::string(65536, 'x')), "200")
      << "a SCEP message in the target may be that long";
  const plist::Dict who{{"UDID", "UDID-1"}, {"Topic", "com.apple.mgmt.e2e"}};
  const auto send = [&](const std::string& path, const char* key, const char* value) {
    auto message = who;
    message.set(key, value);
    return curl({"-k", "-X", "PUT", "--data-binary", "@" + files.write("message", plist::to_xml(message))},
                path);
  };
  EXPECT_EQ(send("/mdm/checkin", "MessageType", "Authenticate"), "200");
  EXPECT_EQ(send("/mdm/connect", "Status", "Idle"), "200");
  EXPECT_EQ(send("/mdm/connect", "MessageType", "Authenticate"), "400") << "no report";
}

// covers: mdm.E02, mdm.E03, seed.12
TEST_F(Enroll, ASimulatedDeviceGetsItsCertificateWithTheProfilesChallenge) {
  for (const char* is_signed : {"true", "false"}) {
    put("people",
        fmt::format(R"({{"access": "basic", "signed": {}, "mdm": {{"Topic": "com.apple.mgmt.e2e"}}}})",
                    is_signed));
    check_enrollment();
  }
}

void Enroll::check_enrollment() {
  ASSERT_EQ(curl({"-k", "-u", "ada:lovelace"}, "/enroll/people"), "200");
  const auto seen = simulator::read_enrollment_profile(files.read("body"));
  ASSERT_TRUE(seen) << seen.error().message;
  boost::asio::io_context io;
  const simulator::EnrollmentWay way{.url = server->announcement().device_url + "/enroll/people",
                                     .trust = seen->trust,
                                     .authorization = "ada:lovelace"};
  Result<simulator::Enrollment> enrollment = fail(Failure::internal, "test", "it never came back");
  boost::asio::co_spawn(io, fetch(io.get_executor(), way, &enrollment), boost::asio::detached);
  io.run();
  ASSERT_TRUE(enrollment) << enrollment.error().message << files.read("server.log");
  const auto root = crypto::Certificate::from_pem(seen->trust);
  EXPECT_TRUE(
      crypto::check_chain(enrollment->certificate.der,
                          {.roots = std::vector{root->der}, .intermediates = {}, .at = SystemClock().now()}));
  EXPECT_NE(enrollment->profile.scep_challenge, seen->scep_challenge);
  EXPECT_EQ(enrollment->profile.identifier, seen->identifier);
}

// covers: seed.11
TEST_F(Enroll, ThePasswordFileCounts) {
  put("people", R"({"access": "digest", "mdm": {"Topic": "com.apple.mgmt.e2e"}})");
  EXPECT_EQ(curl({"-k"}, "/enroll/people"), "401");
  EXPECT_EQ(curl({"-k", "--digest", "-u", "ada:wrong"}, "/enroll/people"), "401");
  EXPECT_EQ(curl({"-k", "--digest", "-u", "ada:lovelace"}, "/enroll/people"), "200");
}

}  // namespace
}  // namespace mooring::test
