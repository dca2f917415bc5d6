// SPDX-License-Identifier: Apache-2.0
// What devices give into keeping (unlock and bootstrap tokens), and network users who log in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/plist/plist.hpp"
#include "schema/schema.hpp"
#include "tests/support/world.hpp"

namespace mooring::test::escrow_test {
namespace {

using ::testing::IsEmpty;

const plist::Dict kMac{{"UDID", "D1"}};
const plist::Dict kAda{{"UDID", "D1"}, {"UserID", "U1"}, {"UserShortName", "ada"}};

plist::Dict message(const std::string& type, plist::Dict keys) {
  keys.set("MessageType", type);
  return keys;
}

plist::Dict token_update() {
  return message("TokenUpdate",
                 {{"UDID", "D1"}, {"Topic", "t"}, {"PushMagic", "m"}, {"Token", plist::Data{"token"}}});
}

struct Escrow : ::testing::Test {
  World world;

  void SetUp() override {
    world.put("/mdm", message("Authenticate", {{"UDID", "D1"}, {"Topic", "t"}}));
    world.put("/mdm", token_update());
  }
  void set(const std::string& token) {
    const auto response = world.put(
        "/mdm", message("SetBootstrapToken", {{"UDID", "D1"}, {"BootstrapToken", plist::Data{token}}}));
    EXPECT_EQ(response.status, 200);
    EXPECT_THAT(response.body, IsEmpty());
  }
  /// What GetBootstrapToken answers; "none" for an empty body.
  std::string get(const plist::Dict& ids = kMac) {
    const auto response = world.put("/mdm", message("GetBootstrapToken", ids));
    EXPECT_EQ(response.status, 200);
    if (response.body.empty()) return "none";
    const auto reply = plist::parse_dict(response.body);
    if (!reply) return "no plist";
    EXPECT_THAT(schema::Schema::apple().check_checkin_reply("GetBootstrapToken", *reply), IsEmpty());
    return reply->data("BootstrapToken")->bytes;
  }
  std::string stored(const std::string& what) { return world.text("select " + what + " from enrollments"); }
};

// covers: mdm.C07
TEST_F(Escrow, ABootstrapTokenIsReturnedUntilItIsDeletedOrReplaced) {
  EXPECT_EQ(get(), "none");
  set("boot");
  EXPECT_EQ(get(), "boot");
  EXPECT_EQ(stored("position('boot'::bytea in bootstrap_token)"), "0") << "sealed at rest";
  set("newer");
  EXPECT_EQ(get(), "newer");
  set("");
  EXPECT_EQ(get(), "none") << "an empty token deletes";
  set("kept");
  auto text = message("SetBootstrapToken", kMac);
  text.set("BootstrapToken", "a text");
  EXPECT_EQ(world.put("/mdm", text).status, 400);
  EXPECT_EQ(get(), "kept") << "what is no token deletes none";
  set(std::string("\0\xFF binary", 9));
  EXPECT_EQ(get(), std::string("\0\xFF binary", 9));
  world.put("/mdm", message("SetBootstrapToken", kMac));
  EXPECT_EQ(get(), "none") << "and so does none";
  EXPECT_EQ(stored("bootstrap_token is null"), "true");
  EXPECT_EQ(world.number("select count(*) from events where kind = 5"), 6);
}

// covers: mdm.C07
TEST_F(Escrow, ABootstrapTokenEndsWithItsEnrollment) {
  set("boot");
  world.put("/mdm", token_update());
  EXPECT_EQ(get(), "boot");
  world.put("/mdm", message("Authenticate", {{"UDID", "D1"}, {"Topic", "t"}}));
  EXPECT_EQ(get(), "none");
}

// covers: mdm.C07
TEST_F(Escrow, ABootstrapTokenIsTheDevicesWhoeverAsks) {
  set("boot");
  EXPECT_EQ(get(kAda), "boot");
  const auto unknown = world.put("/mdm", message("GetBootstrapToken", {{"UDID", "D2"}}));
  EXPECT_EQ(unknown.status, 400);
  EXPECT_THAT(unknown.body, ::testing::HasSubstr("checkin.unknown_enrollment"));
}

TEST_F(Escrow, ASealedTokenDoesNotOpenOnAnotherDevice) {
  set("boot");
  world.put("/mdm", message("Authenticate", {{"UDID", "D2"}, {"Topic", "t"}}));
  world.db.connection().script(
      "update enrollments set bootstrap_token = (select bootstrap_token from enrollments where enrollment_id "
      "= 'D1')");
  EXPECT_EQ(get(), "boot");
  EXPECT_EQ(world.put("/mdm", message("GetBootstrapToken", {{"UDID", "D2"}})).status, 500);
}

TEST_F(Escrow, AwaitingConfigurationChangesOnlyWhereAMessageSaysSo) {
  const auto awaiting = [&] { return stored("awaiting_configuration"); };
  EXPECT_EQ(awaiting(), "false");
  auto update = token_update();
  update.set("AwaitingConfiguration", true);
  world.put("/mdm", update);
  EXPECT_EQ(awaiting(), "true");
  world.put("/mdm", token_update());
  set("boot");
  get();
  EXPECT_EQ(awaiting(), "true") << "a message without the key says nothing about it";
  world.put("/mdm", message("SetBootstrapToken", {{"UDID", "D1"}, {"AwaitingConfiguration", false}}));
  EXPECT_EQ(awaiting(), "false");
  world.put("/mdm", message("GetBootstrapToken", {{"UDID", "D1"}, {"AwaitingConfiguration", true}}));
  EXPECT_EQ(awaiting(), "true");
}

// covers: mdm.C08
TEST_F(Escrow, NetworkUsersAreNotManagedByDefault) {
  for (const char* digest : {"", "digest"}) {
    auto login = message("UserAuthenticate", kAda);
    if (*digest != '\0') login.set("DigestResponse", digest);
    const auto response = world.put("/mdm", login);
    EXPECT_EQ(response.status, 410);
    EXPECT_THAT(response.body, IsEmpty());
  }
  EXPECT_EQ(world.text("select detail from events where kind = 7 limit 1"),
            R"({"allowed": false, "user_id": "U1", "user_short_name": "ada"})");
  EXPECT_EQ(world.put("/mdm", message("UserAuthenticate", kMac)).status, 400) << "a device is no user";
}

// covers: mdm.C08
TEST(UserAuthenticate, LetsEveryoneInWhereTheOptionSaysSo) {
  World world({}, {.user_authenticate = core::UserAuthenticatePolicy::allow});
  world.put("/mdm", message("Authenticate", {{"UDID", "D1"}, {"Topic", "t"}}));
  auto login = message("UserAuthenticate", kAda);
  auto response = world.put("/mdm", login);
  EXPECT_EQ(response.status, 200);
  auto reply = plist::parse_dict(response.body);
  ASSERT_TRUE(reply);
  ASSERT_NE(reply->string("DigestChallenge"), nullptr);
  EXPECT_EQ(*reply->string("DigestChallenge"), "") << "nothing is asked";
  login.set("DigestResponse", "username=\"ada\", response=\"0\"");
  response = world.put("/mdm", login);
  EXPECT_EQ(response.status, 200);
  reply = plist::parse_dict(response.body);
  ASSERT_TRUE(reply);
  ASSERT_NE(reply->string("AuthToken"), nullptr);
  EXPECT_NE(*reply->string("AuthToken"), "");
  EXPECT_EQ(reply->size(), 1U);
  auto update = token_update();
  update.set("UserID", "U1");
  EXPECT_EQ(world.put("/mdm", update).status, 200);
  EXPECT_EQ(world.number("select count(*) from enrollments where kind = 1 and enabled"), 1);
}

}  // namespace
}  // namespace mooring::test::escrow_test
