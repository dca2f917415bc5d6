// SPDX-License-Identifier: Apache-2.0
// The protocol core through its endpoint, on a real database.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <thread>

#include "base/encoding.hpp"
#include "base/http/server.hpp"
#include "base/plist/plist.hpp"
#include "core/janitor.hpp"
#include "core/queue.hpp"
#include "tests/support/world.hpp"

namespace mooring::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kUdid = "66ADE930-5FDF-5EC4-8429-15640684C489";
constexpr const char* kTopic = "com.apple.mgmt.External.test";

plist::Dict authenticate(const std::string& udid = kUdid) {
  return {{"MessageType", "Authenticate"}, {"Topic", kTopic},     {"UDID", udid},
          {"SerialNumber", "C02TEST"},     {"Model", "Mac14,7"},  {"OSVersion", "15.1"},
          {"BuildVersion", "24B83"},       {"Unknown", "ignored"}};
}

plist::Dict token_update(const std::string& magic = "magic", const std::string& token = "token") {
  return {{"MessageType", "TokenUpdate"},
          {"Topic", kTopic},
          {"UDID", kUdid},
          {"PushMagic", magic},
          {"Token", plist::Data{token}}};
}

struct Protocol : ::testing::Test {
  World world;

  void enroll() {
    ASSERT_EQ(world.put("/mdm", authenticate()).status, 200);
    ASSERT_EQ(world.put("/mdm", token_update()).status, 200);
  }
  std::string channel(const char* column, const char* id = kUdid) {
    return world.text(std::string("select ") + column + " from enrollments where enrollment_id = '" + id +
                      "'");
  }
  /// CommandUUID of what the endpoint handed out; empty where nothing.
  static std::string handed_out(const http::Response& response) {
    if (response.body.empty()) return {};
    return *plist::parse_dict(response.body)->string("CommandUUID");
  }
  std::string idle() { return handed_out(world.report(kUdid, "Idle")); }
  std::string answer(const std::string& status, const std::string& uuid) {
    return handed_out(world.report(kUdid, status, uuid));
  }
};

// covers: mdm.C01, seed.06
TEST_F(Protocol, CheckinsAndReportsShareOneUrlAndHaveOnesOfTheirOwn) {
  const std::string type = "application/x-apple-aspen-mdm-checkin";
  EXPECT_EQ(world.put_bytes("/mdm", plist::to_xml(authenticate()), type).status, 200);
  EXPECT_EQ(world.put_bytes("/mdm/checkin", plist::to_xml(token_update()), type + "; charset=UTF-8").status,
            200);
  EXPECT_EQ(channel("enabled"), "true");
  for (const char* path : {"/mdm", "/mdm/connect"}) {
    const auto report =
        world.put_bytes(path, plist::to_xml(plist::Dict{{"UDID", kUdid}, {"Status", "Idle"}}), "");
    EXPECT_EQ(report.status, 200) << path << " without Content-Type";
    EXPECT_THAT(report.body, IsEmpty());
  }
  EXPECT_EQ(
      world.put_bytes("/mdm/checkin", plist::to_xml(plist::Dict{{"UDID", kUdid}, {"Status", "Idle"}}), type)
          .status,
      400)
      << "a report is no check-in";
}

// covers: mdm.C02
TEST_F(Protocol, AuthenticateAnswersEmptyAndTheEnrollmentCannotBePushedYet) {
  const auto response = world.put("/mdm", authenticate());
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.body, IsEmpty());
  EXPECT_EQ(channel("enabled"), "false");
  EXPECT_EQ(channel("push_token is null"), "true");
  EXPECT_EQ(world.text("select serial_number from devices"), "C02TEST");
  world.reconcile();
  EXPECT_THAT(world.pushes(), IsEmpty());
}

// covers: mdm.C03
TEST_F(Protocol, TokenUpdatesAreTalliedAndTheNewestTokenCounts) {
  enroll();
  EXPECT_EQ(channel("token_update_tally"), "1");
  world.put("/mdm", token_update("magic2", "token2"));
  EXPECT_EQ(channel("token_update_tally"), "2");
  EXPECT_EQ(channel("push_magic"), "magic2");
  EXPECT_EQ(channel("convert_from(push_token, 'UTF8')"), "token2");
}

// covers: mdm.C04
TEST_F(Protocol, AnUnlockTokenIsKeptByLaterTokenUpdatesAndForgottenByANewEnrollment) {
  enroll();
  auto with_unlock = token_update();
  with_unlock.set("UnlockToken", plist::Data{"unlock me"});
  world.put("/mdm", with_unlock);
  const std::string stored = channel("unlock_token");
  EXPECT_NE(stored, "");
  EXPECT_EQ(channel("position('unlock'::bytea in unlock_token)"), "0") << "sealed at rest";
  world.put("/mdm", token_update());
  EXPECT_EQ(channel("unlock_token"), stored);
  world.put("/mdm", authenticate());
  EXPECT_EQ(channel("unlock_token"), "");
}

// covers: mdm.C05
TEST_F(Protocol, AuthenticateAgainEmptiesTheQueuesOfDeviceAndUsersAndForgetsTheTokens) {
  enroll();
  auto user = token_update();
  user.set("UserID", "U1");
  user.set("UserShortName", "ada");
  world.put("/mdm", user);
  world.put("/mdm",
            plist::Dict{
                {"MessageType", "SetBootstrapToken"}, {"UDID", kUdid}, {"BootstrapToken", plist::Data{"b"}}});
  world.enqueue(kUdid, "ON-DEVICE");
  world.enqueue(std::string(kUdid) + ":U1", "ON-USER");
  ASSERT_EQ(world.number("select count(*) from commands"), 2);
  world.put("/mdm", authenticate());
  EXPECT_EQ(world.number("select count(*) from commands"), 0);
  EXPECT_EQ(world.number("select count(*) from command_results where status = 5"), 2);
  EXPECT_EQ(world.number("select max(token_update_tally) from enrollments"), 0);
  EXPECT_EQ(world.number("select count(*) from enrollments where enabled"), 0);
  EXPECT_EQ(channel("bootstrap_token"), "");
}

// covers: mdm.C06
TEST_F(Protocol, CheckOutDisablesTheChannelItComesFrom) {
  enroll();
  auto user = token_update();
  user.set("UserID", "U1");
  world.put("/mdm", user);
  const std::string user_id = std::string(kUdid) + ":U1";
  EXPECT_EQ(
      world
          .put("/mdm",
               plist::Dict{{"MessageType", "CheckOut"}, {"Topic", kTopic}, {"UDID", kUdid}, {"UserID", "U1"}})
          .status,
      200);
  EXPECT_EQ(channel("enabled", user_id.c_str()), "false");
  EXPECT_EQ(channel("enabled"), "true");
  EXPECT_EQ(
      world.put("/mdm", plist::Dict{{"MessageType", "CheckOut"}, {"Topic", kTopic}, {"UDID", kUdid}}).status,
      200);
  EXPECT_EQ(channel("enabled"), "false");
  const auto before = world.pushes().size();
  world.advance(std::chrono::hours(48));
  world.reconcile();
  EXPECT_EQ(world.pushes().size(), before) << "no further pushes";
}

struct IdCase {
  const char* name;
  plist::Dict ids;
  const char* id;
};

// covers: mdm.C09
TEST_F(Protocol, EveryKindOfEnrollmentIdIsStoredAsItsOwnChannel) {
  const std::vector<IdCase> cases{
      {"device", {{"UDID", "D1"}}, "D1"},
      {"user", {{"UDID", "D1"}, {"UserID", "U1"}}, "D1:U1"},
      {"shared iPad",
       {{"UDID", "D1"}, {"UserID", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"}, {"UserShortName", "ada"}},
       "D1:ada"},
      {"user enrollment, device", {{"EnrollmentID", "E1"}}, "E1"},
      {"user enrollment", {{"EnrollmentID", "E1"}, {"EnrollmentUserID", "EU1"}}, "E1:EU1"},
      {"UDID goes before EnrollmentID", {{"UDID", "D2"}, {"EnrollmentID", "E2"}}, "D2"},
  };
  for (const auto& each : cases) {
    auto message = each.ids;
    message.set("MessageType", "TokenUpdate");
    message.set("Topic", kTopic);
    message.set("PushMagic", "m");
    message.set("Token", plist::Data{"t"});
    EXPECT_EQ(world.put("/mdm", message).status, 200) << each.name;
    EXPECT_EQ(channel("enabled", each.id), "true") << each.name;
  }
  EXPECT_EQ(world.number("select count(distinct device_id) from enrollments"), 3) << "D1, D2, E1";
  EXPECT_EQ(world.text("select p.enrollment_id from enrollments e join enrollments p on p.id = e.parent_id "
                       "where e.enrollment_id = 'E1:EU1'"),
            "E1");
}

// covers: mdm.C13
TEST_F(Protocol, WhatIsMalformedIsAnswered400AndNever401Or403) {
  enroll();
  const std::vector<std::pair<const char*, std::string>> bodies{
      {"not a plist", "hello"},
      {"empty", ""},
      {"a plist that is no dictionary", plist::to_xml(plist::Array(1, plist::Value("x")))},
      {"no ids", plist::to_xml(plist::Dict{{"Status", "Idle"}})},
      {"no status", plist::to_xml(plist::Dict{{"UDID", kUdid}})},
      {"unknown message type", plist::to_xml(plist::Dict{{"MessageType", "Nonsense"}, {"UDID", kUdid}})},
      {"check-in without ids",
       plist::to_xml(plist::Dict{{"MessageType", "Authenticate"}, {"Topic", kTopic}})},
      {"TokenUpdate without Token",
       plist::to_xml(plist::Dict{{"MessageType", "TokenUpdate"}, {"UDID", kUdid}, {"Topic", kTopic}})},
      {"html", "<html><body>proxy error</body></html>"},
  };
  for (const auto& [name, body] : bodies) {
    const auto response = world.put_bytes("/mdm", body);
    EXPECT_EQ(response.status, 400) << name;
    EXPECT_THAT(response.body, HasSubstr("\"code\"")) << name;
  }
  EXPECT_EQ(world.report(kUdid, "Idle").status, 200) << "and the next message is served";
  EXPECT_EQ(world.report("UNKNOWN-DEVICE", "Idle").status, 200)
      << "an unknown device is not sent away either";
}

/// One request on an open socket; the status of the answer, whose body is read away.
int status_on(boost::asio::ip::tcp::socket& socket, const std::string& body) {
  boost::asio::write(socket, boost::asio::buffer("PUT /mdm HTTP/1.1\r\nHost: mdm\r\nContent-Length: " +
                                                 std::to_string(body.size()) + "\r\n\r\n" + body));
  std::string head;
  const auto end = boost::asio::read_until(socket, boost::asio::dynamic_buffer(head), "\r\n\r\n");
  std::smatch length;
  const std::string fields = head.substr(0, end);
  if (!std::regex_search(fields, length, std::regex("content-length: *([0-9]+)", std::regex::icase)))
    return -1;
  std::string rest(static_cast<std::size_t>(std::stoul(length[1])) - (head.size() - end), ' ');
  boost::asio::read(socket, boost::asio::buffer(rest));
  return std::stoi(head.substr(9, 3));
}

// covers: mdm.C13
TEST_F(Protocol, AConnectionSurvivesMessagesThatAreRefused) {
  boost::asio::io_context io{1};
  http::Server server(io.get_executor(), {.name = "device"}, world.routes(), world.db.log, world.db.metrics);
  ASSERT_TRUE(server.start());
  std::thread thread([&] { io.run(); });
  const std::string url = server.url();
  boost::asio::io_context own;
  boost::asio::ip::tcp::socket socket(own);
  socket.connect({boost::asio::ip::make_address("127.0.0.1"),
                  static_cast<std::uint16_t>(std::stoul(url.substr(url.rfind(':') + 1)))});
  EXPECT_EQ(status_on(socket, plist::to_xml(authenticate())), 200);
  for (const std::string body : {"hello", "", "<plist><dict/></plist>", "bplist00"}) {
    EXPECT_EQ(status_on(socket, body), 400) << body;
  }
  EXPECT_EQ(status_on(socket, plist::to_xml(plist::Dict{{"MessageType", "Nonsense"}, {"UDID", kUdid}})), 400);
  EXPECT_EQ(status_on(socket, plist::to_xml(token_update())), 200) << "the same connection goes on";
  EXPECT_EQ(channel("enabled"), "true");
  socket.close();
  boost::asio::co_spawn(io, server.drain(std::chrono::milliseconds(0)), boost::asio::use_future).wait();
  io.stop();
  thread.join();
}

// covers: mdm.C15
TEST_F(Protocol, BinaryPropertyListsByteOrderMarksAndLargeBodiesAreAccepted) {
  EXPECT_EQ(world.put_bytes("/mdm", plist::to_binary(authenticate())).status, 200);
  EXPECT_EQ(world.put_bytes("/mdm", "\xEF\xBB\xBF" + plist::to_xml(token_update())).status, 200);
  EXPECT_EQ(channel("enabled"), "true");
  plist::Dict large{{"UDID", kUdid}, {"Status", "Acknowledged"}, {"CommandUUID", "X"}};
  large.set("Blob", plist::Data{std::string(std::size_t{8} << 20U, 'x')});
  EXPECT_EQ(world.put("/mdm", large).status, 200) << "11 MiB in base64";
  std::string deep = "<plist><dict><key>a</key>";
  for (int i = 0; i < 100000; ++i) deep += "<array>";
  EXPECT_EQ(world.put_bytes("/mdm", deep).status, 413);
}

// covers: mdm.Q01
TEST_F(Protocol, NothingQueuedMeansAnEmptyBody) {
  enroll();
  const auto response = world.report(kUdid, "Idle");
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.body, IsEmpty());
}

// covers: mdm.Q02
TEST_F(Protocol, CommandsComeInOrderEachWithTheAcknowledgementOfTheOneBefore) {
  enroll();
  world.enqueue(kUdid, "CMD1");
  world.enqueue(kUdid, "CMD2");
  EXPECT_EQ(idle(), "CMD1");
  EXPECT_EQ(answer("Acknowledged", "CMD1"), "CMD2");
  EXPECT_EQ(answer("Acknowledged", "CMD2"), "");
}

// covers: mdm.Q03
TEST_F(Protocol, NotNowIsSkippedForTheSessionAndOfferedAgainInTheNext) {
  enroll();
  for (const char* uuid : {"CMD1", "CMD2", "CMD3"}) world.enqueue(kUdid, uuid);
  EXPECT_EQ(idle(), "CMD1");
  EXPECT_EQ(answer("NotNow", "CMD1"), "CMD2");
  EXPECT_EQ(answer("Acknowledged", "CMD2"), "CMD3") << "not CMD1 again in this session";
  EXPECT_EQ(answer("Acknowledged", "CMD3"), "");
  EXPECT_EQ(idle(), "CMD1");
  EXPECT_EQ(answer("Acknowledged", "CMD1"), "");
}

// covers: mdm.Q03
TEST_F(Protocol, AllThatWasPutOffIsAnsweredInOneSessionOnceTheDeviceCan) {
  enroll();
  for (const char* uuid : {"CMD1", "CMD2", "CMD3"}) world.enqueue(kUdid, uuid);
  EXPECT_EQ(idle(), "CMD1");
  EXPECT_EQ(answer("NotNow", "CMD1"), "CMD2");
  EXPECT_EQ(answer("NotNow", "CMD2"), "CMD3");
  EXPECT_EQ(answer("NotNow", "CMD3"), "");
  world.advance(std::chrono::seconds(1));
  EXPECT_EQ(idle(), "CMD1");
  EXPECT_EQ(answer("Acknowledged", "CMD1"), "CMD2");
  EXPECT_EQ(answer("NotNow", "CMD2"), "CMD3") << "put off before this session";
  EXPECT_EQ(answer("NotNow", "CMD3"), "");
  world.advance(std::chrono::seconds(1));
  EXPECT_EQ(idle(), "CMD2");
  EXPECT_EQ(answer("Acknowledged", "CMD2"), "CMD3");
  EXPECT_EQ(answer("Error", "CMD3"), "");
}

// covers: mdm.Q03
TEST_F(Protocol, WhatWasPutOffComesInTheNextSessionAlsoBehindSomethingNew) {
  enroll();
  for (const char* uuid : {"CMD1", "CMD2"}) world.enqueue(kUdid, uuid);
  EXPECT_EQ(idle(), "CMD1");
  EXPECT_EQ(answer("NotNow", "CMD1"), "CMD2");
  EXPECT_EQ(answer("NotNow", "CMD2"), "");
  for (const char* uuid : {"FIRST", "SECOND"}) world.enqueue(kUdid, uuid, "ProfileList", 10);
  world.advance(std::chrono::seconds(1));
  EXPECT_EQ(idle(), "FIRST");
  EXPECT_EQ(answer("Acknowledged", "FIRST"), "SECOND");
  EXPECT_EQ(answer("NotNow", "SECOND"), "CMD1");
  EXPECT_EQ(answer("NotNow", "CMD1"), "CMD2") << "each once, and neither holds up the other";
  EXPECT_EQ(answer("Acknowledged", "CMD2"), "") << "CMD1 was tried in this session";
  world.advance(std::chrono::seconds(1));
  EXPECT_EQ(idle(), "SECOND");
}

// covers: mdm.Q04
TEST_F(Protocol, AnUnansweredCommandIsOfferedAgainAndARepeatedReportIsStoredOnce) {
  enroll();
  world.enqueue(kUdid, "CMD1");
  EXPECT_EQ(idle(), "CMD1");
  EXPECT_EQ(idle(), "CMD1");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(world.report(kUdid, "Acknowledged", "CMD1").status, 200);
  EXPECT_EQ(world.number("select count(*) from command_results"), 1);
  EXPECT_EQ(world.number("select count(*) from events where command_uuid is not null"), 1);
}

// covers: mdm.Q05
TEST_F(Protocol, StrangeReportsAreAnswered200AndRecordedAndNothingIsLost) {
  enroll();
  world.enqueue(kUdid, "CMD1");
  EXPECT_EQ(world.report(kUdid, "Acknowledged", "NEVER-SENT").status, 200);
  EXPECT_EQ(world.report(kUdid, "Acknowledged").status, 200);
  EXPECT_EQ(world.report(kUdid, "Bewildered", "CMD1").status, 200);
  EXPECT_EQ(world.number("select count(*) from events where kind = 4"), 3);
  EXPECT_EQ(idle(), "CMD1") << "still owed";
}

// covers: mdm.Q06
TEST_F(Protocol, ErrorsAreKeptWithTheirWholeChainAndTheQueueGoesOn) {
  enroll();
  world.enqueue(kUdid, "CMD1");
  world.enqueue(kUdid, "CMD2");
  plist::Array chain;
  for (const auto code : {12021, 4001}) {
    chain.emplace_back(plist::Dict{
        {"ErrorCode", code}, {"ErrorDomain", "MCMDMErrorDomain"}, {"LocalizedDescription", "no"}});
  }
  const plist::Dict report{
      {"UDID", kUdid}, {"Status", "Error"}, {"CommandUUID", "CMD1"}, {"ErrorChain", chain}};
  EXPECT_EQ(handed_out(world.put("/mdm", report)), "CMD2");
  EXPECT_EQ(world.text("select error_chain->1->>'ErrorCode' from command_results"), "4001");
  EXPECT_EQ(answer("CommandFormatError", "CMD2"), "");
  EXPECT_EQ(world.number("select status from command_results order by answered_at desc, status desc limit 1"),
            4);
}

TEST_F(Protocol, ALateAcknowledgementAfterAnErrorWinsAndIsLogged) {
  enroll();
  world.enqueue(kUdid, "CMD1");
  answer("Error", "CMD1");
  answer("Acknowledged", "CMD1");
  EXPECT_EQ(world.number("select status from command_results"), 2);
  EXPECT_EQ(world.number("select count(*) from events where kind = 4"), 2);
}

// covers: mdm.Q09
TEST_F(Protocol, PriorityGoesFirstAndWhatExpiredOrWasCancelledIsNotHandedOut) {
  enroll();
  world.enqueue(kUdid, "LATER");
  world.enqueue(kUdid, "URGENT", "DeviceInformation", 10);
  EXPECT_EQ(idle(), "URGENT");
  const auto id = world.number("select id from enrollments");
  const std::vector<core::OpenCommandRef> urgent{{id, core::encode_command_uuid("URGENT")}};
  EXPECT_EQ(core::cancel(world.db.connection(), urgent, world.clock.now()).total, 1);
  EXPECT_EQ(idle(), "LATER");
  world.db.connection().exec(pg::Statement{"test_expire", "update commands set expires_at = $1"},
                             world.clock.now() + std::chrono::hours(1));
  world.advance(std::chrono::hours(2));
  EXPECT_EQ(idle(), "");
  EXPECT_EQ(core::tidy(world.db.connection(), {}, world.clock.now()).expired, 1);
  EXPECT_EQ(world.number("select status from command_results where uuid = '\\x004c41544552'"), 6);
  EXPECT_EQ(world.number("select coalesce(sum(value), 0) from counters where name like 'commands.%'"), 0);
}

// covers: mdm.Q10
TEST_F(Protocol, TheBytesOfACommandAreRelayedUnchanged) {
  enroll();
  const std::string bytes = world.enqueue(kUdid, "CMD1");
  EXPECT_EQ(world.report(kUdid, "Idle").body, bytes);
}

// covers: mdm.Q11
TEST_F(Protocol, AUserChannelHasAQueueOfItsOwn) {
  enroll();
  auto user = token_update();
  user.set("UserID", "U1");
  world.put("/mdm", user);
  world.enqueue(std::string(kUdid) + ":U1", "FOR-USER");
  EXPECT_EQ(idle(), "");
  EXPECT_EQ(handed_out(world.put("/mdm", plist::Dict{{"UDID", kUdid}, {"UserID", "U1"}, {"Status", "Idle"}})),
            "FOR-USER");
}

// covers: mdm.Q12
TEST_F(Protocol, AnsweredCommandsAndEventsArePrunedByAgeInSmallBatches) {
  enroll();
  for (int i = 0; i < 30; ++i) {
    const std::string uuid = "CMD" + std::to_string(i);
    world.enqueue(kUdid, uuid);
    answer("Acknowledged", uuid);
  }
  const core::Retention retention{
      .results = std::chrono::hours(24), .events = std::chrono::hours(48), .batch = 10};
  auto tidied = core::tidy(world.db.connection(), retention, world.clock.now());
  EXPECT_EQ(tidied.results, 0) << "young ones stay";
  world.advance(std::chrono::hours(25));
  tidied = core::tidy(world.db.connection(), retention, world.clock.now());
  EXPECT_EQ(tidied.results, 10) << "one batch a round";
  EXPECT_EQ(tidied.events, 0);
  while (core::tidy(world.db.connection(), retention, world.clock.now()).results > 0) {
  }
  EXPECT_EQ(world.number("select count(*) from command_results"), 0);
  world.advance(std::chrono::hours(24));
  while (core::tidy(world.db.connection(), retention, world.clock.now()).events > 0) {
  }
  EXPECT_EQ(world.number("select count(*) from events"), 0);
}

// covers: mdm.Q07
TEST_F(Protocol, AThousandConcurrentEnqueuesAndReportsLoseNothing) {
  enroll();
  const auto id = world.number("select id from enrollments");
  constexpr int kThreads = 4;
  constexpr int kEach = 250;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      pg::Connection own(world.db.connect_options());
      for (int i = 0; i < kEach; ++i) {
        const std::string uuid = "CMD-" + std::to_string(t) + "-" + std::to_string(i);
        const std::string bytes = plist::to_xml(
            plist::Dict{{"CommandUUID", uuid}, {"Command", plist::Dict{{"RequestType", "ProfileList"}}}});
        const auto payload = core::store_payload(
            own, {.body = bytes, .request_type = "ProfileList", .relayed = true}, world.clock.now());
        const std::vector<core::NewCommand> commands{
            {.enrollment = id, .uuid = core::encode_command_uuid(uuid), .payload = payload}};
        core::enqueue(own, commands, world.clock.now());
      }
    });
  }
  int answered = 0;
  while (answered < kThreads * kEach) {
    std::string uuid = idle();
    while (!uuid.empty()) {
      ++answered;
      uuid = answer("Acknowledged", uuid);
    }
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(world.number("select count(*) from command_results where status = 2"), kThreads * kEach);
  EXPECT_EQ(world.number("select count(*) from commands"), 0);
  EXPECT_EQ(world.number("select coalesce(sum(value), 0) from counters where name like 'commands.%'"), 0);
}

std::filesystem::path shared_samples() {
  const char* set = std::getenv("MOORING_SHARED");
  return std::filesystem::path(set == nullptr ? MOORING_SOURCE_DIR "/../shared" : set) / "samples";
}

std::string read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The messages inside webhook bodies of other servers.
std::vector<std::pair<std::string, std::string>> webhook_samples() {
  std::vector<std::pair<std::string, std::string>> messages;
  for (const auto& entry : std::filesystem::directory_iterator(shared_samples() / "webhook")) {
    const auto json = nlohmann::json::parse(read(entry.path()));
    for (const char* event : {"checkin_event", "acknowledge_event"}) {
      if (json.contains(event))
        messages.emplace_back(entry.path(),
                              from_base64(json[event]["raw_payload"].get<std::string>()).value());
    }
  }
  return messages;
}

TEST_F(Protocol, RealCheckinsAndReportsPassThroughTheServer) {
  if (!std::filesystem::exists(shared_samples())) GTEST_SKIP() << "shared samples are not at hand";
  std::vector<std::filesystem::path> files;
  for (const char* folder : {"checkin", "reports"}) {
    for (const auto& entry : std::filesystem::directory_iterator(shared_samples() / folder))
      files.push_back(entry.path());
  }
  std::ranges::sort(files);
  ASSERT_FALSE(files.empty());
  for (const auto& file : files) {
    const auto response = world.put_bytes("/mdm", read(file));
    EXPECT_EQ(response.status, 200) << file << ": " << response.body;
  }
  const auto inside_webhooks = webhook_samples();
  ASSERT_FALSE(inside_webhooks.empty());
  for (const auto& [file, body] : inside_webhooks) {
    const auto response = world.put_bytes("/mdm", body);
    EXPECT_EQ(response.status, 200) << file << ": " << response.body;
  }
  EXPECT_EQ(world.number("select count(*) from enrollments where authenticated_at is not null"), 2);
  EXPECT_GE(world.number("select count(*) from enrollments where enabled"), 1);
  world.reconcile();
}

}  // namespace
}  // namespace mooring::test
