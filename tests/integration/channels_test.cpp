// SPDX-License-Identifier: Apache-2.0
// Channels: every kind of enrollment, its own queue and push, and what begins and ends it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "core/queue.hpp"
#include "tests/integration/api_fixture.hpp"
#include "tests/support/world.hpp"

namespace mooring::test::channels_test {
namespace {

using ::testing::IsEmpty;

constexpr const char* kTopic = "com.apple.mgmt.External.test";
constexpr const char* kSharedIpad = "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF";

plist::Dict message(const std::string& type, plist::Dict ids) {
  ids.set("MessageType", type);
  if (type == "Authenticate" || type == "TokenUpdate" || type == "CheckOut") ids.set("Topic", kTopic);
  if (type == "TokenUpdate") {
    ids.set("PushMagic", "magic");
    ids.set("Token", plist::Data{"token"});
  }
  return ids;
}

constexpr pg::Statement kEventBodies{"test_event_bodies", "select body from events order by id"};

const plist::Dict kDevice{{"UDID", "D1"}};
const plist::Dict kAda{{"UDID", "D1"}, {"UserID", "U1"}, {"UserShortName", "ada"}};
const plist::Dict kBob{{"UDID", "D1"}, {"UserID", "U2"}, {"UserShortName", "bob"}};

struct Channels : ::testing::Test {
  World world;

  void send(const std::string& type, const plist::Dict& ids) {
    const auto response = world.put("/mdm", message(type, ids));
    ASSERT_EQ(response.status, 200) << type << ": " << response.body;
  }
  void enroll(const plist::Dict& ids) {
    send("Authenticate", ids);
    send("TokenUpdate", ids);
  }
  /// CommandUUID of what the channel is given; empty where nothing.
  std::string report(plist::Dict ids, const std::string& status, const std::string& uuid = {}) {
    ids.set("Status", status);
    if (!uuid.empty()) ids.set("CommandUUID", uuid);
    const auto response = world.put("/mdm", ids);
    EXPECT_EQ(response.status, 200) << response.body;
    return response.body.empty() ? std::string() : *plist::parse_dict(response.body)->string("CommandUUID");
  }
  std::string idle(const plist::Dict& ids) { return report(ids, "Idle"); }
  /// Queues for one channel, whatever its name looks like.
  void enqueue(std::int64_t enrollment, const std::string& uuid) {
    const std::string bytes = plist::to_xml(plist::Dict{
        {"CommandUUID", uuid},
        {"Command", plist::Dict{{"RequestType", "InstallProfile"}, {"Payload", plist::Data{uuid}}}}});
    auto& db = world.db.connection();
    const auto payload = core::store_payload(
        db, {.body = bytes, .request_type = "InstallProfile", .relayed = true}, world.clock.now());
    const std::vector<core::NewCommand> commands{
        {.enrollment = enrollment, .uuid = core::encode_command_uuid(uuid), .payload = payload}};
    ASSERT_EQ(core::enqueue(db, commands, world.clock.now()), 1);
  }
  std::int64_t channel(const std::string& id, std::size_t parent_length = 0) {
    return world.number("select id from enrollments where enrollment_id = '" + id +
                        "' and parent_length = " + std::to_string(parent_length));
  }
  std::string of(std::int64_t id, const std::string& what) {
    return world.text("select " + what + " from enrollments where id = " + std::to_string(id));
  }
  std::int64_t enabled() { return world.number("select count(*) from enrollments where enabled"); }
};

// covers: seed.34, mdm.Q11
TEST_F(Channels, EveryUserOfAMacHasAChannelWithItsOwnTokenQueueAndProfiles) {
  enroll(kDevice);
  for (const auto& [user, token] : {std::pair{kAda, "ada's token"}, std::pair{kBob, "bob's token"}}) {
    auto update = message("TokenUpdate", user);
    update.set("Token", plist::Data{token});
    EXPECT_EQ(world.put("/mdm", update).status, 200);
  }
  const auto ada = channel("D1:U1", 2);
  const auto bob = channel("D1:U2", 2);
  EXPECT_EQ(of(ada, "convert_from(push_token, 'UTF8')"), "ada's token");
  EXPECT_EQ(of(bob, "convert_from(push_token, 'UTF8')"), "bob's token");
  EXPECT_EQ(of(channel("D1"), "convert_from(push_token, 'UTF8')"), "token");
  EXPECT_EQ(of(ada, "user_short_name || ' on ' || parent_id"), "ada on " + std::to_string(channel("D1")));
  enqueue(ada, "FOR-ADA");
  enqueue(bob, "FOR-BOB");
  EXPECT_EQ(idle(kDevice), "");
  EXPECT_EQ(idle(kAda), "FOR-ADA");
  EXPECT_EQ(report(kBob, "Acknowledged", "FOR-ADA"), "FOR-BOB") << "another's command is none of bob's";
  EXPECT_EQ(idle(kAda), "FOR-ADA") << "and is still owed";
  EXPECT_EQ(report(kAda, "Acknowledged", "FOR-ADA"), "");
  EXPECT_EQ(report(kBob, "Acknowledged", "FOR-BOB"), "");
}

// covers: mdm.C09
TEST_F(Channels, EachKindIsItsOwnChannelOfItsDevice) {
  struct Kind {
    plist::Dict ids;
    std::string id;
    std::size_t parent_length;
    std::string name;
  };
  const std::vector<Kind> kinds{
      {kDevice, "D1", 0, "0"},
      {kAda, "D1:U1", 2, "1"},
      {{{"UDID", "P1"}}, "P1", 0, "0"},
      {{{"UDID", "P1"}, {"UserID", kSharedIpad}, {"UserShortName", "ada@example.com"}},
       "P1:ada@example.com",
       2,
       "2"},
      {{{"UDID", "P1"}, {"UserID", kSharedIpad}, {"UserShortName", "bob@example.com"}},
       "P1:bob@example.com",
       2,
       "2"},
      {{{"EnrollmentID", "E1"}}, "E1", 0, "3"},
      {{{"EnrollmentID", "E1"}, {"EnrollmentUserID", "EU1"}}, "E1:EU1", 2, "4"},
  };
  for (const auto& kind : kinds) {
    if (kind.parent_length == 0) send("Authenticate", kind.ids);
    send("TokenUpdate", kind.ids);
    const auto id = channel(kind.id, kind.parent_length);
    EXPECT_EQ(of(id, "kind"), kind.name) << kind.id;
    enqueue(id, "TO " + kind.id);
  }
  for (const auto& kind : kinds) EXPECT_EQ(idle(kind.ids), "TO " + kind.id);
  EXPECT_EQ(world.number("select count(*) from devices"), 3) << "D1, P1 and E1, each once";
}

// covers: mdm.C09
TEST_F(Channels, NoDeviceCanTakeTheNameOfAnothersUser) {
  enroll(kDevice);
  send("TokenUpdate", kAda);
  const plist::Dict impostor{{"UDID", "D1:U1"}};
  enroll(impostor);
  const auto ada = channel("D1:U1", 2);
  const auto other = channel("D1:U1", 0);
  ASSERT_NE(ada, other);
  EXPECT_EQ(world.number("select count(*) from devices"), 2);
  enqueue(ada, "FOR-ADA");
  EXPECT_EQ(idle(impostor), "");
  EXPECT_EQ(report(impostor, "Acknowledged", "FOR-ADA"), "");
  enqueue(other, "FOR-THE-OTHER");
  EXPECT_EQ(idle(kAda), "FOR-ADA");
  send("Authenticate", impostor);
  EXPECT_EQ(idle(kAda), "FOR-ADA") << "nor empty her queue";
  send("CheckOut", impostor);
  EXPECT_EQ(of(ada, "enabled"), "true") << "nor end her channel";
  send("CheckOut", kAda);
  EXPECT_EQ(of(channel("D1"), "enabled"), "true");
}

// covers: mdm.C09
TEST_F(Channels, AnyTextIsAName) {
  for (const std::string name :
       {"a b", "%41/..", "\xC3\xA4\xF0\x9F\x92\xBB", "O'Neill; --", "{}", "*", ":", "::"}) {
    const plist::Dict ids{{"UDID", name}};
    enroll(ids);
    auto user = ids;
    user.set("UserID", name);
    send("TokenUpdate", user);
    EXPECT_EQ(world.number("select count(*) from enrollments e join devices d on d.id = e.device_id "
                           "where e.enabled and d.id = (select max(id) from devices)"),
              2)
        << name;
  }
  EXPECT_EQ(world.number("select count(*) from devices"), 8);
  EXPECT_EQ(world.put("/mdm", message("Authenticate", {{"UDID", std::string(256, 'x')}})).status, 400);
}

// covers: mdm.C05
TEST_F(Channels, AuthenticateAgainEndsTheUsersChannelsAndEmptiesTheirQueues) {
  enroll(kDevice);
  auto waiting = message("TokenUpdate", kAda);
  waiting.set("AwaitingConfiguration", true);
  world.put("/mdm", waiting);
  const auto ada = channel("D1:U1", 2);
  enqueue(ada, "FOR-ADA");
  send("Authenticate", kDevice);
  EXPECT_EQ(of(ada, "enabled"), "false");
  EXPECT_EQ(of(ada, "push_token is null and not awaiting_configuration and token_update_tally = 0"), "true");
  EXPECT_EQ(world.number("select count(*) from commands"), 0);
  send("TokenUpdate", kDevice);
  EXPECT_EQ(enabled(), 1) << "a user comes back with a TokenUpdate of her own";
  send("TokenUpdate", kAda);
  EXPECT_EQ(enabled(), 2);
  EXPECT_EQ(idle(kAda), "");
}

// covers: mdm.C06
TEST_F(Channels, TheDevicesCheckOutEndsItsUsersToo) {
  enroll(kDevice);
  send("TokenUpdate", kAda);
  send("TokenUpdate", kBob);
  enroll({{"UDID", "D2"}});
  send("CheckOut", kAda);
  EXPECT_EQ(enabled(), 3) << "only hers";
  send("CheckOut", kDevice);
  EXPECT_EQ(world.text("select string_agg(enrollment_id, ' ') from enrollments where enabled"), "D2");
  EXPECT_EQ(world.number("select count(*) from events where kind = 3"), 2);
  EXPECT_EQ(world.put("/mdm", message("CheckOut", {{"UDID", "NEVER-SEEN"}})).status, 200);
}

TEST_F(Channels, AuthenticateOfAUserIsRefused) {
  EXPECT_EQ(world.put("/mdm", message("Authenticate", kAda)).status, 400);
  EXPECT_EQ(world.number("select count(*) from devices"), 0);
}

// What a live enrollment has that a renewal of its certificate must not cost it.
struct Renewal : Channels {
  core::MessageContext renewed = {.certificate_hash = "ab12", .renewal = true};

  void SetUp() override {
    enroll(kDevice);
    auto update = message("TokenUpdate", kDevice);
    update.set("UnlockToken", plist::Data{"unlock"});
    world.put("/mdm", update);
    send("TokenUpdate", kAda);
    auto token = message("SetBootstrapToken", kDevice);
    token.set("BootstrapToken", plist::Data{"boot"});
    world.put("/mdm", token);
    enqueue(channel("D1"), "THE-NEW-PROFILE");
    enqueue(channel("D1:U1", 2), "FOR-ADA");
    world.reconcile();
    before = state();
  }
  std::string state() {
    return world.text(
        R"(select string_agg(concat_ws('|', e.enrollment_id, e.enabled, e.push_magic, e.unlock_token,
        e.bootstrap_token, e.awaiting_configuration, e.authenticated_at, r.reset_mark), E'\n' order by e.id)
      from enrollments e join reconcile r on r.device_id = e.device_id)");
  }
  std::string before;
};

// covers: mdm.A07
TEST_F(Renewal, AuthenticateAndTokenUpdateUnderTheNewCertificateKeepTheEnrollment) {
  ASSERT_TRUE(world.checkin(message("Authenticate", kDevice), renewed));
  EXPECT_EQ(state(), before);
  ASSERT_TRUE(world.checkin(message("TokenUpdate", kDevice), renewed));
  EXPECT_EQ(state(), before);
  EXPECT_EQ(of(channel("D1"), "token_update_tally"), "3");
  report(kDevice, "Acknowledged", "THE-NEW-PROFILE");
  EXPECT_EQ(world.text("select string_agg(e.enrollment_id, ' ') from commands c join enrollments e "
                       "on e.id = c.enrollment_id where c.item_id is null"),
            "D1:U1")
      << "answered after it took effect: it is not sent again";
  EXPECT_EQ(world.text("select detail from events where kind = 1 order by id desc limit 1"),
            R"({"renewal": true, "certificate_hash": "ab12"})");
}

// covers: mdm.A07
TEST_F(Renewal, ATokenUpdateAloneKeepsItToo) {
  ASSERT_TRUE(world.checkin(message("TokenUpdate", kDevice), renewed));
  EXPECT_EQ(state(), before);
  EXPECT_EQ(idle(kDevice), "THE-NEW-PROFILE");
}

TEST_F(Renewal, APlainAuthenticateStartsAnew) {
  ASSERT_TRUE(world.checkin(message("Authenticate", kDevice), {.certificate_hash = "ab12"}));
  EXPECT_EQ(enabled(), 0);
  EXPECT_EQ(world.number("select count(*) from commands"), 0);
  EXPECT_EQ(of(channel("D1"), "bootstrap_token is null and unlock_token is null"), "true");
}

TEST_F(Renewal, OfAnEnrollmentThatEndedIsANewOne) {
  send("CheckOut", kDevice);
  ASSERT_TRUE(world.checkin(message("Authenticate", kDevice), renewed));
  EXPECT_EQ(world.number("select count(*) from commands"), 0);
  EXPECT_EQ(of(channel("D1"), "unlock_token is null"), "true");
  ASSERT_TRUE(world.checkin(message("Authenticate", {{"UDID", "NEVER-SEEN"}}), renewed));
  EXPECT_EQ(world.number("select count(*) from devices"), 2);
}

TEST_F(Channels, WhoEnrolledThroughWhichProfileReachesDeviceAndEvent) {
  const core::MessageContext context{
      .certificate_hash = "cafe", .user_name = "ada@example.com", .enrollment_profile = "staff"};
  auto authenticate = message("Authenticate", kDevice);
  authenticate.set("SerialNumber", "C02");
  ASSERT_TRUE(world.checkin(authenticate, context));
  EXPECT_EQ(world.text("select user_name || ' by ' || enrollment_profile from devices"),
            "ada@example.com by staff");
  const auto detail = world.text("select detail from events where kind = 1");
  for (const char* word : {"\"cafe\"", "\"ada@example.com\"", "\"staff\""}) {
    EXPECT_THAT(detail, ::testing::HasSubstr(word));
  }
  ASSERT_TRUE(world.checkin(message("Authenticate", kDevice), {}));
  EXPECT_EQ(world.text("select coalesce(user_name, 'nobody') || ' ' || serial_number from devices"),
            "nobody C02")
      << "the next enrollment is not ada's; what the device leaves out of itself stays";
}

// covers: mdm.C16
TEST_F(Channels, TheParametersOfTheUrlReachEveryEvent) {
  const auto put = [&](const plist::Dict& body) {
    EXPECT_EQ(world.put("/mdm?site=berlin&lab=1%2F2", body).status, 200) << *body.string("MessageType");
  };
  put(message("Authenticate", kDevice));
  put(message("TokenUpdate", kDevice));
  put(message("TokenUpdate", kAda));
  put(message("SetBootstrapToken", kDevice));
  put(message("GetBootstrapToken", kDevice));
  EXPECT_EQ(world.put("/mdm?site=berlin&lab=1%2F2", message("UserAuthenticate", kAda)).status, 410);
  put(message("CheckOut", kAda));
  put(message("CheckOut", kDevice));
  EXPECT_EQ(world.number("select count(*) from events"), 8);
  EXPECT_EQ(world.number(
                "select count(*) from events where url_params = '{\"site\": \"berlin\", \"lab\": \"1/2\"}'"),
            8);
  EXPECT_EQ(world.number("select count(*) from events where body is not null"), 0) << "nobody wants them";
}

TEST_F(Channels, TheMessagesOfCheckinsAreKeptWhereSomebodyWantsThem) {
  world.interest().want(core::EventKinds::all_but_idle(), false);
  enroll(kDevice);
  auto token = message("SetBootstrapToken", kDevice);
  token.set("BootstrapToken", plist::Data{"boot"});
  world.put("/mdm", token);
  send("GetBootstrapToken", kDevice);
  world.put("/mdm", message("UserAuthenticate", kAda));
  send("CheckOut", kDevice);
  std::vector<std::string> types;
  for (const auto row : world.db.connection().exec(kEventBodies)) {
    const auto body = world.interest().open_body(row.get<pg::Bytes>(0).view);
    ASSERT_TRUE(body) << body.error().message;
    types.push_back(*plist::parse_dict(*body)->string("MessageType"));
  }
  EXPECT_THAT(types, ::testing::ElementsAre("Authenticate", "TokenUpdate", "SetBootstrapToken",
                                            "GetBootstrapToken", "UserAuthenticate", "CheckOut"));
}

TEST(ChannelsInTheApi, ADeviceIsListedOnceWithAllItsChannels) {
  api_test::ApiFixture api{true};
  for (const auto& ids : {kDevice, kAda, kBob, plist::Dict{{"UDID", "D1:U1"}}}) {
    if (ids.find("UserID") == nullptr) api.world.put("/mdm", message("Authenticate", ids));
    EXPECT_EQ(api.world.put("/mdm", message("TokenUpdate", ids)).status, 200);
  }
  auto answer = api.get("/v1/devices");
  EXPECT_EQ(answer.body["items"].size(), 2U);
  answer = api.get("/v1/devices/D1");
  std::vector<std::string> channels;
  for (const auto& channel : answer.body["enrollments"]) {
    channels.push_back(channel["enrollment"].get<std::string>() + " " + channel["kind"].get<std::string>());
  }
  EXPECT_THAT(channels, ::testing::ElementsAre("D1 device", "D1:U1 user", "D1:U2 user"));
  const auto command = [](const std::string& uuid) {
    return to_base64(plist::to_xml(
        plist::Dict{{"CommandUUID", uuid}, {"Command", plist::Dict{{"RequestType", "ProfileList"}}}}));
  };
  answer = api.post("/v1/commands", {{"plist", command("one")}, {"enrollments", {"D1:U2"}}});
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(
      api.world.text("select e.enrollment_id from commands c join enrollments e on e.id = c.enrollment_id"),
      "D1:U2");
  answer = api.post("/v1/commands", {{"plist", command("two")}, {"enrollments", {"D1:U1", "D1"}}});
  EXPECT_EQ(answer.body["targets"][0]["status"], "ambiguous") << "never guessed";
  EXPECT_EQ(answer.body["targets"][1]["status"], "queued");
}

}  // namespace
}  // namespace mooring::test::channels_test
