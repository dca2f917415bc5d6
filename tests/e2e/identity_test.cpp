// SPDX-License-Identifier: Apache-2.0
// One device's life at the real server with identities on: it enrolls by a profile that wants credentials,
// signs what it says, renews its certificate, and is unenrolled by an administrator.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/demo_process.hpp"
#include "base/http/client.hpp"
#include "base/plist/plist.hpp"
#include "core/enroll/digest_auth.hpp"
#include "simulator/enrollment.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/pki.hpp"

namespace mooring::test {
namespace {

using Json = nlohmann::json;

template <class T>
Task<> keep(Task<T> task, std::optional<T>* result) {
  *result = co_await std::move(task);
}
template <class T>
T wait_for(boost::asio::io_context& io, Task<T> task) {
  std::optional<T> result;
  boost::asio::co_spawn(io, keep(std::move(task), &result), boost::asio::detached);
  io.restart();
  io.run();
  return std::move(result.value());
}

struct DeviceIdentity : testing::Test {
  static constexpr const char* kUdid = "00008101-000A1B2C3D4E001E";

  void SetUp() override {
    std::filesystem::permissions(files.path(),
                                 std::filesystem::perms::all);  // the server may run as another user
    const auto ha1 =
        core::enroll::digest_ha1(core::enroll::DigestAlgorithm::md5, "ada", "Mooring", "lovelace");
    const app::ServerCommand command{
        .arguments = {"serve", "--data-dir=" + (files.path() / "data").string(),
                      "--device-listen=127.0.0.1:0", "--api-listen=127.0.0.1:0",
                      "--enroll-password-file=" + files.write("users", "ada:Mooring:" + ha1 + "\n"),
                      "--device-ca=" + files.write("old-ca.pem", old_authority.certificate.pem()),
                      "--log-level=warning"},
        .log_file = files.path() / "server.log",
        .expects_token = true,
        .binary = MOORING_BINARY};
    auto started = app::ServerProcess::start(command, {}, std::chrono::seconds(60));
    ASSERT_TRUE(started) << started.error().message << files.read("server.log");
    server = std::move(*started);
    api("PUT", "/v1/enrollment-profiles/people",
        R"({"access": "basic", "mdm": {"Topic": "com.apple.mgmt.e2e"}})");
  }

  Json api(const std::string& method, const std::string& target, std::string body = {}) {
    http::Request request;
    request.method = method;
    request.target = target;
    request.headers.set("Authorization", "Bearer " + server->announcement().token);
    request.body = std::move(body);
    const auto answer = http::fetch(server->announcement().api_url, std::move(request));
    EXPECT_TRUE(answer) << answer.error().message;
    if (!answer) return {};
    EXPECT_LT(answer->status, 300) << method << ' ' << target << ": " << answer->body;
    return Json::parse(answer->body, nullptr, false);
  }

  /// Whoever enrolls by hand reads the profile first and decides to trust what is in it.
  std::string listener_trust() {
    const auto body = files.path() / "profile";
    run_program({"curl", "-sSk", "-u", "ada:lovelace", "-o", body,
                 server->announcement().device_url + "/enroll/people"});
    const auto seen = simulator::read_enrollment_profile(files.read("profile"));
    EXPECT_TRUE(seen) << seen.error().message;
    return seen ? seen->trust : "";
  }
  simulator::Enrollment enroll_by_profile() {
    return taken(simulator::fetch_enrollment(io.get_executor(),
                                             {.url = server->announcement().device_url + "/enroll/people",
                                              .trust = listener_trust(),
                                              .authorization = "ada:lovelace"},
                                             crypto::PrivateKey::generate(crypto::KeyType::rsa_2048),
                                             {.udid = kUdid, .serial = "C02X"}));
  }
  simulator::Enrollment taken(Task<Result<simulator::Enrollment>> task) {
    auto enrollment = wait_for(io, std::move(task));
    if (!enrollment) throw std::runtime_error(enrollment.error().message + files.read("server.log"));
    return std::move(*enrollment);
  }
  /// A message under the certificate of `enrollment`.
  http::Response put(const simulator::Enrollment& enrollment, const plist::Dict& message) {
    http::Request request;
    request.method = "PUT";
    request.target = "/mdm";
    request.body = plist::to_xml(message);
    enrollment.sign(request);
    http::Client client(io.get_executor(), server->announcement().device_url,
                        http::ClientOptions{.tls = enrollment.profile.sign_message
                                                       ? http::ClientTls{.trust = enrollment.profile.trust}
                                                       : enrollment.tls()});
    auto answer = wait_for(io, client.send(std::move(request)));
    EXPECT_TRUE(answer) << answer.error().message;
    return answer ? std::move(*answer) : http::Response{.status = 0};
  }
  static plist::Dict authenticate() {
    return {{"MessageType", "Authenticate"}, {"UDID", kUdid},       {"Topic", "com.apple.mgmt.e2e"},
            {"SerialNumber", "C02X"},        {"OSVersion", "18.1"}, {"ProductName", "iPhone14,5"}};
  }
  static plist::Dict token_update() {
    return {{"MessageType", "TokenUpdate"},
            {"UDID", kUdid},
            {"Topic", "com.apple.mgmt.e2e"},
            {"PushMagic", "magic"},
            {"Token", plist::Data{std::string(32, 't')}}};
  }
  static plist::Dict idle() { return {{"UDID", kUdid}, {"Status", "Idle"}}; }
  void enroll() {
    identity = enroll_by_profile();
    check_in(*identity);
  }
  void check_in(const simulator::Enrollment& enrollment) {
    ASSERT_EQ(put(enrollment, authenticate()).status, 200);
    ASSERT_EQ(put(enrollment, token_update()).status, 200);
  }

  /// Answers the server's questions until it hands out the enrollment profile; the certificate asked for with
  /// that.
  simulator::Enrollment renewed(const std::string& command_uuid) {
    auto answer = put(*identity, idle());
    for (int round = 0; round < 20 && !answer.body.empty(); ++round) {
      const auto envelope = plist::parse_dict(answer.body);
      if (!envelope) throw std::runtime_error(envelope.error().message);
      const auto uuid = *envelope->string("CommandUUID");
      if (uuid == command_uuid) {
        auto profile = simulator::read_enrollment_profile(envelope->dict("Command")->data("Payload")->bytes);
        if (!profile) throw std::runtime_error(profile.error().message);
        EXPECT_EQ(profile->identifier, identity->profile.identifier);
        return taken(simulator::take_up(io.get_executor(), std::move(*profile),
                                        crypto::PrivateKey::generate(crypto::KeyType::rsa_2048),
                                        {.udid = kUdid, .serial = "C02X"}));
      }
      answer = put(*identity, {{"UDID", kUdid}, {"Status", "NotNow"}, {"CommandUUID", uuid}});
    }
    throw std::runtime_error("the server never sent the profile");
  }

  static Holder holder(const std::string& name, const Holder* issuer) {
    const Time now = SystemClock().now();
    return make_holder(name, issuer,
                       {.ca = issuer == nullptr,
                        .not_before = now - std::chrono::hours(1),
                        .not_after = now + std::chrono::hours(1)});
  }

  ScratchDirectory files;
  Holder old_authority = holder("The server before", nullptr);
  boost::asio::io_context io;
  std::unique_ptr<app::ServerProcess> server;
  std::optional<simulator::Enrollment> identity;  ///< The one that the device has now.
};

// covers: seed.11
TEST_F(DeviceIdentity, WhoGaveCredentialsIsKnownOfTheDeviceAndInItsEvents) {
  enroll();
  const auto device = api("GET", "/v1/devices/C02X");
  EXPECT_EQ(device["user_name"], "ada");
  EXPECT_EQ(device["enrollment_profile"], "people");
  const auto events = api("GET", "/v1/events?device=C02X&topic=mdm.Authenticate");
  ASSERT_EQ(events["items"].size(), 1U) << events;
  EXPECT_EQ(events["items"][0]["detail"]["user_name"], "ada");
  EXPECT_EQ(events["items"][0]["detail"]["certificate_hash"], identity->certificate.hash());
}

// covers: mdm.A02
TEST_F(DeviceIdentity, ADeviceThatSignsNothingIsKnownByItsTlsCertificate) {
  api("PUT", "/v1/enrollment-profiles/people",
      R"({"access": "basic", "mdm": {"Topic": "com.apple.mgmt.e2e", "SignMessage": false}})");
  enroll();
  ASSERT_FALSE(identity->profile.sign_message);
  EXPECT_EQ(put(*identity, idle()).status, 200);
  auto anonymous = *identity;
  anonymous.certificate = old_authority.certificate;
  anonymous.key = old_authority.key;
  EXPECT_EQ(put(anonymous, idle()).status, 400);
}

// covers: mdm.A07
TEST_F(DeviceIdentity, AProfileSentAgainRenewsTheCertificateInWhateverOrderTheDeviceSpeaks) {
  enroll();
  for (const bool by_connect : {true, false}) {
    const auto renewal = api("POST", "/v1/devices/C02X/renew-identity");
    const auto next = renewed(renewal["command_uuid"]);
    ASSERT_NE(next.certificate.hash(), identity->certificate.hash());
    if (by_connect) {
      EXPECT_EQ(put(next, idle()).status, 200) << "the answer to the command comes under the new one";
    } else {
      EXPECT_EQ(put(next, authenticate()).status, 200);
      EXPECT_EQ(put(next, token_update()).status, 200);
    }
    const auto queued = api("GET", "/v1/commands/" + renewal["command_uuid"].get<std::string>());
    EXPECT_NE(queued["targets"][0]["status"], "cancelled") << "no new enrollment: " << queued;
    EXPECT_EQ(put(*identity, idle()).status, 200) << "within its grace";
    std::string renews;
    for (const auto& certificate : api("GET", "/v1/certificates")["items"]) {
      if (certificate["sha256"] == next.certificate.hash()) renews = certificate["renews"];
    }
    EXPECT_EQ(renews, identity->certificate.hash());
    identity = next;
  }
}

// covers: mdm.A09
TEST_F(DeviceIdentity, UnenrollingByTheApiRevokesWhatSpokeForTheDevice) {
  enroll();
  EXPECT_EQ(put(*identity, idle()).status, 200);
  const auto ended = api("POST", "/v1/devices/C02X/unenroll");
  EXPECT_EQ(ended["revoked_certificates"], 1);
  EXPECT_EQ(put(*identity, idle()).status, 400) << "at once, not when a cache forgets";
  EXPECT_EQ(put(*identity, authenticate()).status, 400);
  EXPECT_EQ(api("GET", "/v1/devices/C02X")["enrolled"], false);
  const auto events = api("GET", "/v1/events?device=C02X&topic=mdm.CheckOut");
  ASSERT_EQ(events["items"].size(), 1U) << events;
  EXPECT_EQ(events["items"][0]["detail"]["by"], "administrator");
  EXPECT_EQ(api("POST", "/v1/devices/C02X/unenroll")["revoked_certificates"], 0);
  const auto again = enroll_by_profile();
  check_in(again);
  EXPECT_EQ(api("GET", "/v1/devices/C02X")["enrolled"], true);
}

// covers: mdm.O03
TEST_F(DeviceIdentity, ADeviceOfNanoMdmGoesOnUnderTheCertificateThatItHas) {
  for (const auto& message : {authenticate(), token_update()}) {
    api("PUT", "/nanomdm/migration", plist::to_xml(message));
  }
  const auto under = [&](const Holder& speaker) {
    return simulator::Enrollment{
        {.sign_message = true, .trust = listener_trust()}, speaker.key, speaker.certificate};
  };
  const auto stranger = make_holder("stranger", nullptr);
  EXPECT_EQ(put(under(stranger), idle()).status, 400);
  const auto own = under(holder("device", &old_authority));
  EXPECT_EQ(put(own, idle()).status, 200);
  EXPECT_EQ(put(own, token_update()).status, 200);
  EXPECT_EQ(put(under(holder("another", &old_authority)), idle()).status, 400) << "it has one now";
  const auto device = api("GET", "/v1/devices/C02X");
  EXPECT_EQ(device["enrollments"][0]["token_update_tally"], 2) << "no new enrollment";
}

}  // namespace
}  // namespace mooring::test
