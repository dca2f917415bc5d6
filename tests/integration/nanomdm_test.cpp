// SPDX-License-Identifier: Apache-2.0
// NanoMDM's API as its clients use it, and a fleet that moves here from a NanoMDM server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "api/compat/nanomdm/reply.hpp"
#include "base/crypto/x509.hpp"
#include "base/encoding.hpp"
#include "base/http/tls.hpp"
#include "base/plist/plist.hpp"
#include "tests/integration/api_fixture.hpp"
#include "tests/support/push_certificate.hpp"

namespace mooring::api_test::nano {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

std::string command(const std::string& uuid) {
  return plist::to_xml(
      plist::Dict{{"Command", plist::Dict{{"RequestType", "ProfileList"}}}, {"CommandUUID", uuid}});
}

struct NanoMdm : ::testing::Test {
  explicit NanoMdm(bool with_push = true, const EscrowPlace& escrow = {}) : api(with_push, escrow) {}

  http::Request make(const std::string& method, const std::string& target, const std::string& body = {}) {
    auto request = api.make(method, target, body);
    request.headers.set("Authorization", "Basic " + to_base64("nanomdm:" + api.token));
    return request;
  }
  Answer ask(const std::string& method, const std::string& target, const std::string& body = {}) {
    return api.send(make(method, target, body));
  }
  Answer enqueue(const std::string& ids, const std::string& uuid, const std::string& query = {}) {
    return ask("PUT", "/nanomdm/v1/enqueue/" + ids + query, command(uuid));
  }
  std::unique_ptr<simulator::Device> enrolled(int index) {
    auto device = api.world.make_device(index);
    api.world.enroll(*device);
    return device;
  }
  std::string next_for(const plist::Dict& idle) {
    const auto response = api.world.put("/mdm", idle);
    const auto parsed = plist::parse_dict(response.body);
    return parsed ? *parsed->string("CommandUUID") : "";
  }
  std::string next_for(const simulator::Device& device) {
    return next_for({{"UDID", device.identity().udid}, {"Status", "Idle"}});
  }

  ApiFixture api;
};

// covers: mdm.O01
TEST_F(NanoMdm, LetsInWhoHasATokenAndNobodyElse) {
  auto request = make("GET", "/nanomdm/v1/pushcert?topic=x");
  for (const std::string field :
       {std::string(), "Basic " + to_base64("nanomdm:wrong"), "Basic " + to_base64("admin:" + api.token)}) {
    request.headers.set("Authorization", field);
    const auto answer = api.send(request);
    EXPECT_EQ(answer.status, 401) << field;
    EXPECT_THAT(std::string(answer.response.headers.get("WWW-Authenticate")), HasSubstr("Basic realm="));
  }
  request.headers.set("Authorization", "Bearer " + api.token);
  EXPECT_EQ(api.send(request).status, 404);
  auto elsewhere = make("GET", "/v1/devices");
  EXPECT_EQ(api.send(elsewhere).status, 401) << "Basic counts only below /nanomdm";
  request = api.make("GET", "/nanomdm/version");
  request.headers.set("Authorization", "");
  EXPECT_EQ(api.send(request).body["version"], "0.1.0-test");
}

// covers: mdm.O01
TEST_F(NanoMdm, KeepsPushCertificates) {
  const auto now = api.world.clock.now();
  std::string pem = test::make_push_certificate({.not_before = now - 24h, .not_after = now + 24h * 100});
  const auto put = ask("PUT", "/nanomdm/v1/pushcert", pem);
  EXPECT_EQ(put.status, 200);
  EXPECT_EQ(put.body["topic"], test::kPushTopic);
  EXPECT_TRUE(from_rfc3339(put.body["not_after"].get<std::string>()));
  EXPECT_EQ(ask("GET", "/nanomdm/v1/pushcert?topic=" + std::string(test::kPushTopic)).body, put.body);
  EXPECT_EQ(ask("GET", "/nanomdm/v1/pushcert").status, 400);
  const auto bad = ask("PUT", "/nanomdm/v1/pushcert", "no certificate");
  EXPECT_EQ(bad.status, 400);
  EXPECT_TRUE(bad.body.contains("error"));
  EXPECT_EQ(ask("DELETE", "/nanomdm/v1/pushcert").status, 405);
}

// covers: mdm.O01, mdm.Q08, mdm.Q10
TEST_F(NanoMdm, EnqueuesByteForByteForSeveralIds) {
  const auto one = enrolled(0);
  const auto two = enrolled(1);
  const std::string ids = one->identity().udid + "," + two->identity().udid;
  const auto answer = enqueue(ids, "CMD1", "?nopush=1");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body,
            Json::parse(R"({"no_push":true,"command_uuid":"CMD1","request_type":"ProfileList"})"));
  EXPECT_EQ(api.pushed, 0);
  EXPECT_EQ(api.world.report(one->identity().udid, "Idle").body, command("CMD1"));
  EXPECT_EQ(next_for(*two), "CMD1");
  EXPECT_EQ(api.get("/v1/commands/CMD1").body["target_count"], 2);
  const auto again = enqueue(ids, "CMD1", "?nopush=1");
  EXPECT_EQ(again.status, 500);
  EXPECT_THAT(again.body["command_error"].get<std::string>(), HasSubstr("queued before"));
  EXPECT_EQ(ask("POST", "/nanomdm/v1/enqueue/" + ids + "?nopush=1", command("CMD2")).status, 200);
}

// covers: mdm.O01
TEST_F(NanoMdm, SaysOfEachIdWhatBecameOfIt) {
  const auto device = enrolled(0);
  const auto asleep = enrolled(1);
  api.world.put("/mdm", asleep->check_out());
  const std::string udid = device->identity().udid;
  auto answer = enqueue(udid + ",NOBODY," + asleep->identity().udid, "CMD1");
  EXPECT_EQ(answer.status, 207);
  EXPECT_TRUE(answer.body["status"][udid].contains("push_result"));
  EXPECT_TRUE(answer.body["status"]["NOBODY"].contains("command_error"));
  EXPECT_TRUE(answer.body["status"][asleep->identity().udid].contains("push_error"));
  EXPECT_FALSE(answer.body["status"][asleep->identity().udid].contains("command_error")) << "it is queued";
  EXPECT_EQ(api.world.number("select count(*) from commands where uuid = '\\x00434d4431'"), 2);
  EXPECT_EQ(enqueue("NOBODY", "CMD2").status, 500);
  answer = ask("PUT", "/nanomdm/v1/enqueue/" + udid, "no plist");
  EXPECT_EQ(answer.status, 500);
  EXPECT_TRUE(answer.body.contains("command_error"));
  EXPECT_EQ(ask("PUT", "/nanomdm/v1/enqueue/" + udid + "?nopush=1", "").status, 500);

  answer = ask("GET", "/nanomdm/v1/push/" + udid);
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.body["status"][udid].contains("push_result"));
  answer = ask("PUT", "/nanomdm/v1/push/" + udid + ",NOBODY");
  EXPECT_EQ(answer.status, 207);
  EXPECT_TRUE(answer.body["status"]["NOBODY"].contains("push_error"));
  EXPECT_EQ(ask("POST", "/nanomdm/v1/push/" + udid).status, 200);
  EXPECT_EQ(ask("GET", "/nanomdm/v1/push/NOBODY").status, 500);
}

// covers: mdm.O01
TEST_F(NanoMdm, TakesAnyIdThatADeviceSent) {
  for (const std::string id : {"A:B", "a/b c", "x,y", "\xC3\xA9"}) {
    api.world.put("/mdm", plist::Dict{{"MessageType", "TokenUpdate"},
                                      {"UDID", id},
                                      {"Topic", "com.apple.mgmt.x"},
                                      {"PushMagic", "M"},
                                      {"Token", plist::Data{"t"}}});
    EXPECT_EQ(enqueue(api::nanomdm::percent_encode(id), "for-" + id, "?nopush=1").status, 200) << id;
    EXPECT_EQ(next_for({{"UDID", id}, {"Status", "Idle"}}), "for-" + id);
  }
  EXPECT_EQ(enqueue("a/b%20c,A:B", "bare", "?nopush=1").status, 200)
      << "as clients write them that escape little";
  const auto both = enqueue("A%3AB%2Ca%2Fb%20c", "escaped", "?nopush=1");
  EXPECT_EQ(both.status, 200) << "as clients write them that escape the comma too";
  EXPECT_EQ(api.get("/v1/commands/escaped").body["target_count"], 2);
}

struct NanoMdmWithoutPush : NanoMdm {
  NanoMdmWithoutPush() : NanoMdm(false) {}
};

// covers: mdm.O01
TEST_F(NanoMdmWithoutPush, AFailedPushDoesNotHideThatTheCommandIsQueued) {
  const auto device = enrolled(0);
  const auto answer = enqueue(device->identity().udid, "CMD1");
  EXPECT_EQ(answer.status, 500);
  EXPECT_TRUE(answer.body.contains("push_error"));
  EXPECT_FALSE(answer.body.contains("command_error"));
  EXPECT_EQ(answer.body["command_uuid"], "CMD1");
  EXPECT_EQ(answer.body["request_type"], "ProfileList");
  EXPECT_EQ(next_for(*device), "CMD1");
}

/// Apple's service, as far as this matters: over TLS, and it wants a client certificate.
class EscrowService {
 public:
  EscrowService() {
    const SystemClock clock;
    const auto key = crypto::PrivateKey::generate(crypto::KeyType::ec_p256);
    const auto made = crypto::issue({.subject = {{"CN", "escrow"}},
                                     .public_key = key.public_key(),
                                     .not_before = clock.now() - 1h,
                                     .not_after = clock.now() + 24h,
                                     .ca = true,
                                     .dns_names = {"127.0.0.1"}},
                                    {.certificate = nullptr, .key = key});
    trust_ = made.value().pem();
    http::ServerOptions options{.name = "escrow"};
    options.tls = http::TlsContext::make({trust_, key.pem()}, true).value();
    const http::Handler answer = [this](http::Request request) { return serve(std::move(request)); };
    server_ = std::make_unique<http::Server>(
        io_.get_executor(), options, std::vector<http::Route>{{"POST", "/workers/escrowKeyUnlock", answer}},
        log_, metrics_);
    EXPECT_TRUE(server_->start());
    thread_ = std::thread([this] { io_.run(); });
  }
  ~EscrowService() {
    boost::asio::co_spawn(io_, server_->drain(0ms), boost::asio::use_future).wait();
    io_.stop();
    thread_.join();
  }
  EscrowPlace escrow() const { return {server_->url() + "/workers/escrowKeyUnlock", trust_}; }
  http::Request last() {
    const std::scoped_lock lock(mutex_);
    return last_;
  }

 private:
  Task<http::Response> serve(http::Request request) {
    const bool proved = !request.peer_certificate.empty();
    {
      const std::scoped_lock lock(mutex_);
      last_ = std::move(request);
    }
    co_return http::Response::text(proved ? 404 : 400, proved ? "no such lock" : "who are you?",
                                   "text/plain");
  }

  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  Logger log_{LogLevel::off, LogFormat::logfmt};
  Metrics metrics_;
  std::string trust_;
  std::unique_ptr<http::Server> server_;
  std::mutex mutex_;
  http::Request last_;
  std::thread thread_;
};

struct WithEscrowService {
  EscrowService service;
};
struct NanoMdmEscrow : WithEscrowService, NanoMdm {
  NanoMdmEscrow() : NanoMdm(false, service.escrow()) {}
};

// covers: mdm.O01
TEST_F(NanoMdmEscrow, PassesAnEscrowKeyOnWithThePushCertificate) {
  const std::string form =
      "topic=" + std::string(test::kPushTopic) +
      "&serial=C02X&productType=Mac14%2C7&escrowKey=3UM43-PUYVY&orgName=Acme+%26+Co&guid=G-1&imei=35";
  EXPECT_EQ(ask("POST", "/nanomdm/v1/escrowkeyunlock", form).status, 404) << "no push certificate yet";
  const auto now = api.world.clock.now();
  const std::string pem =
      test::make_push_certificate({.not_before = now - 24h * 400, .not_after = now + 24h * 400});
  ASSERT_EQ(ask("PUT", "/nanomdm/v1/pushcert", pem).status, 200);
  const auto answer = ask("POST", "/nanomdm/v1/escrowkeyunlock", form);
  EXPECT_EQ(answer.status, 404) << answer.response.body;
  EXPECT_EQ(answer.response.body, "no such lock");
  EXPECT_EQ(answer.response.headers.get("Content-Type"), "text/plain");
  const auto seen = service.last();
  EXPECT_EQ(seen.target, "/workers/escrowKeyUnlock?serial=C02X&productType=Mac14%2C7&imei=35");
  EXPECT_EQ(seen.body, "orgName=Acme%20%26%20Co&guid=G-1&escrowKey=3UM43-PUYVY");
  EXPECT_EQ(seen.headers.get("Content-Type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(seen.peer_certificate, crypto::Certificate::from_pem(pem).value().der);
  const auto incomplete = ask("POST", "/nanomdm/v1/escrowkeyunlock", "topic=x&serial=C02X");
  EXPECT_EQ(incomplete.status, 400);
  EXPECT_THAT(incomplete.body["error"].get<std::string>(),
              HasSubstr("productType, orgName, guid, escrowKey"));
}

struct NanoMigration : NanoMdm {
  int import(const plist::Dict& message) {
    return ask("PUT", "/nanomdm/migration", plist::to_xml(message)).status;
  }
  std::string column(const std::string& name, const std::string& id) {
    return api.world.text("select " + name + " from enrollments where enrollment_id = '" + id + "'");
  }
  plist::Dict with(plist::Dict message, const std::string& key, plist::Value value) {
    message.set(key, std::move(value));
    return message;
  }
  /// What another server holds of this device.
  void move_here(simulator::Device& device) {
    const std::string udid = device.identity().udid;
    EXPECT_EQ(import(device.authenticate()), 200);
    EXPECT_EQ(import(with(device.token_update(), "UnlockToken", plist::Data{"unlock"})), 200);
    EXPECT_EQ(import({{"MessageType", "SetBootstrapToken"},
                      {"UDID", udid},
                      {"BootstrapToken", plist::Data{"bootstrap"}}}),
              200);
    EXPECT_EQ(import({{"MessageType", "TokenUpdate"},
                      {"UDID", udid},
                      {"UserID", "U1"},
                      {"UserShortName", "ann"},
                      {"UserLongName", "Ann"},
                      {"NotOnConsole", false},
                      {"Topic", "com.apple.mgmt.x"},
                      {"PushMagic", "user magic"},
                      {"Token", plist::Data{"user token"}}}),
              200);
    device.set_enrolled(true);
  }
};

// covers: mdm.O03
TEST_F(NanoMigration, AFleetGoesOnHereWithoutEnrollingAnew) {
  api.world.declare("wifi", test::profile("com.example.wifi"));
  api.world.assign("wifi");
  for (int i = 0; i < 3; ++i) {
    const auto device = api.world.make_device(i);
    const std::string udid = device->identity().udid;
    move_here(*device);
    EXPECT_EQ(column("enabled", udid), "true");
    EXPECT_EQ(column("push_magic", udid), device->push_magic());
    EXPECT_EQ(column("encode(push_token, 'hex')", udid), to_hex(device->push_token()));
    EXPECT_EQ(column("token_update_tally", udid), "1");
    EXPECT_NE(column("migrated_at", udid), "");
    EXPECT_EQ(column("push_magic", udid + ":U1"), "user magic");
    const auto sealed = from_hex(column("encode(unlock_token, 'hex')", udid)).value();
    EXPECT_EQ(api.world.secrets().open(sealed, "unlock-token:" + udid).value(), "unlock");
    EXPECT_EQ(api.get("/v1/devices/" + device->identity().serial).body["udid"], udid);

    // From here on the device itself speaks, with what it had from the other server.
    const auto token =
        api.world.put("/mdm", plist::Dict{{"MessageType", "GetBootstrapToken"}, {"UDID", udid}});
    EXPECT_EQ(plist::parse_dict(token.body)->data("BootstrapToken")->bytes, "bootstrap");
    api.world.settle(*device);
    EXPECT_NE(device->profile("com.example.wifi"), nullptr);
    EXPECT_EQ(api.world.state(*device, "wifi"), "verified");
    api.world.put("/mdm", device->token_update());
    EXPECT_EQ(column("token_update_tally", udid), "2") << "no new enrollment";
    EXPECT_NE(column("unlock_token is null", udid), "true") << "kept, though this one came without";
  }
  EXPECT_EQ(api.world.number("select count(*) from devices"), 3);
}

// covers: mdm.O03
TEST_F(NanoMigration, DoesNotOverwriteWhatADeviceSaidHereItself) {
  const auto device = api.world.make_device(0);
  const std::string udid = device->identity().udid;
  const auto old_token = with(device->token_update(), "PushMagic", "old");
  move_here(*device);
  EXPECT_EQ(import(old_token), 200) << "once more, before the device came";
  move_here(*device);
  // In the running server this is written within seconds of its first connection.
  api.world.connect(*device);
  api.world.db.connection().script(
      "insert into enrollment_activity select id, now() from enrollments "
      "on conflict do nothing");
  EXPECT_EQ(import(device->authenticate()), 409);
  EXPECT_EQ(import(old_token), 409);
  EXPECT_EQ(column("push_magic", udid), device->push_magic());
  EXPECT_EQ(
      import({{"MessageType", "SetBootstrapToken"}, {"UDID", udid}, {"BootstrapToken", plist::Data{"x"}}}),
      409);
  api.world.put("/mdm", plist::Dict{{"MessageType", "SetBootstrapToken"}, {"UDID", udid}});
  EXPECT_EQ(
      import({{"MessageType", "SetBootstrapToken"}, {"UDID", udid}, {"BootstrapToken", plist::Data{"x"}}}),
      200)
      << "it has none here";
}

// covers: mdm.O03
TEST_F(NanoMigration, ACheckInOrAnAnswerHereCountsAtOnce) {
  for (int i = 0; i < 2; ++i) {
    const auto device = api.world.make_device(i);
    const std::string udid = device->identity().udid;
    const auto old_token = with(device->token_update(), "PushMagic", "old");
    move_here(*device);
    const auto uuid = "answered-" + udid;
    api.world.enqueue(udid, uuid);
    api.world.advance(std::chrono::seconds(1));
    if (i == 0) {
      api.world.put("/mdm", device->token_update());
    } else {
      api.world.report(udid, "Acknowledged", uuid);
    }
    EXPECT_EQ(import(old_token), 409);
    EXPECT_EQ(import(device->authenticate()), 409);
    EXPECT_EQ(column("push_magic", udid), device->push_magic());
    EXPECT_EQ(api.get("/v1/commands/" + uuid).status, 404) << "queued past the API";
    EXPECT_EQ(api.world.number("select count(*) from command_results where status = 5"), 0);
  }
}

// covers: mdm.O03
TEST_F(NanoMigration, TakesOnlyWhatBelongsToAnEnrollment) {
  const auto device = api.world.make_device(0);
  EXPECT_EQ(import(device->check_out()), 400);
  EXPECT_EQ(import({{"MessageType", "GetBootstrapToken"}, {"UDID", "X"}}), 400);
  EXPECT_EQ(import({{"UDID", "X"}, {"Status", "Idle"}}), 400);
  EXPECT_EQ(ask("PUT", "/nanomdm/migration", "no plist").status, 400);
  auto request = make("PUT", "/nanomdm/migration", plist::to_xml(device->authenticate()));
  request.headers.set("Authorization", "");
  EXPECT_EQ(api.send(request).status, 401);
  EXPECT_EQ(api.world.number("select count(*) from devices"), 0);
}

}  // namespace
}  // namespace mooring::api_test::nano
