// SPDX-License-Identifier: Apache-2.0
// The queue over time, and served by two servers at once.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <mutex>
#include <set>
#include <thread>

#include "base/plist/plist.hpp"
#include "core/janitor.hpp"
#include "core/requests.hpp"
#include "tests/support/world.hpp"

namespace mooring::test::queue_test {
namespace {

constexpr auto kUdid = "QUEUE-1";

std::string command_plist(const std::string& uuid) {
  return plist::to_xml(
      plist::Dict{{"CommandUUID", uuid}, {"Command", plist::Dict{{"RequestType", "ProfileList"}}}});
}

std::string handed_out(const http::Response& response) {
  EXPECT_EQ(response.status, 200) << response.body;
  if (response.body.empty()) return "";
  const auto parsed = plist::parse_dict(response.body);
  return parsed ? *parsed->string("CommandUUID") : "unreadable";
}

plist::Dict report(const std::string& status, const std::string& uuid = {}) {
  plist::Dict message{{"UDID", kUdid}, {"Status", status}};
  if (!uuid.empty()) message.set("CommandUUID", uuid);
  return message;
}

/// A second server of the same database, as far as devices see it.
class SecondServer {
 public:
  explicit SecondServer(World& world)
      : pool_({.connect = world.db.connect_options(), .connections = 1}, log_, metrics_),
        checkins_(world.db.connect_options(true), pool_, secrets_, interest_, world.clock, log_, metrics_),
        reports_(world.db.connect_options(true), interest_, world.clock, log_, metrics_),
        payloads_(pool_),
        activity_(world.db.connect_options(), world.clock, log_),
        endpoint_(checkins_, reports_, payloads_, activity_, unknown_devices_, nullptr, {}, log_),
        route_(endpoint_.routes().front()) {}

  http::Response put(const plist::Dict& message) {
    http::Request request{.method = "PUT", .target = "/mdm"};
    request.body = plist::to_xml(message);
    http::Response response;
    io_.restart();
    boost::asio::co_spawn(io_, route_.handler(std::move(request)),
                          [&](const std::exception_ptr&, http::Response got) { response = std::move(got); });
    io_.run();
    return response;
  }

 private:
  boost::asio::io_context io_;
  Logger log_{LogLevel::warning, LogFormat::logfmt};
  Metrics metrics_;
  crypto::SecretBox secrets_{crypto::SecretBox::Key{}};
  core::EventInterest interest_{secrets_};
  pg::Pool pool_;
  core::CheckinStore checkins_;
  core::ReportStore reports_;
  core::PayloadCache payloads_;
  core::Activity activity_;
  core::UnknownDevices unknown_devices_{core::UnknownDevicePolicy::ignore, pool_};
  core::DeviceEndpoint endpoint_;
  http::Route route_;
};

struct Queue : testing::Test {
  void SetUp() override {
    world.put("/mdm", {{"MessageType", "Authenticate"}, {"UDID", kUdid}, {"Topic", "com.apple.mgmt.x"}});
    world.put("/mdm", {{"MessageType", "TokenUpdate"},
                       {"UDID", kUdid},
                       {"Topic", "com.apple.mgmt.x"},
                       {"PushMagic", "M"},
                       {"Token", plist::Data{"t"}}});
    enrollment = world.number("select id from enrollments");
  }
  bool send(pg::Connection& connection, const std::string& uuid) const {
    const std::string body = command_plist(uuid);
    const auto sent = pg::in_transaction(connection, [&](pg::Connection& c) -> Result<bool> {
      const core::NewRequest request{.uuid = core::encode_command_uuid(uuid),
                                     .body = body,
                                     .request_type = "ProfileList",
                                     .enrollments = {enrollment}};
      if (core::send_request(c, request, world.clock.now())) return true;
      return fail(Failure::conflict, "test.duplicate", uuid);
    });
    return sent.has_value();
  }

  World world;
  std::int64_t enrollment = 0;
};

constexpr core::Retention kFiveDays{
    .results = std::chrono::hours(24 * 5), .events = std::chrono::hours(24 * 5), .batch = 50};

void tidy_all(pg::Connection& connection, Time now) {
  while (true) {
    const auto tidied = core::tidy(connection, kFiveDays, now);
    if (tidied.results + tidied.requests + tidied.events == 0) return;
  }
}

// covers: mdm.Q12
TEST_F(Queue, StaysBoundedHoweverLongItRuns) {
  constexpr int kPerDay = 40;
  const auto rows = [&](const char* table) {
    return world.number(std::string("select count(*) from ") + table);
  };
  std::int64_t size_in_the_middle = 0;
  for (int day = 0; day < 40; ++day) {
    for (int i = 0; i < kPerDay; ++i) {
      const std::string uuid = std::to_string(day) + "-" + std::to_string(i);
      ASSERT_TRUE(send(world.db.connection(), uuid));
      ASSERT_EQ(handed_out(world.put("/mdm", report("Acknowledged", uuid))), "");
    }
    world.advance(std::chrono::hours(24));
    tidy_all(world.db.connection(), world.clock.now());
    for (const char* table : {"command_results", "command_requests", "payloads where disposable", "events"}) {
      ASSERT_LE(rows(table), kPerDay * 5 + 2) << table << " on day " << day;
    }
    world.db.connection().script("vacuum command_results, command_requests, payloads, events, commands");
    if (day < 20) {
      size_in_the_middle = world.number(
          "select sum(pg_total_relation_size(t::regclass)) from unnest(array['command_results', "
          "'command_requests', 'payloads', 'events', 'commands']) t");
    }
  }
  EXPECT_EQ(rows("commands"), 0);
  EXPECT_LE(
      world.number("select sum(pg_total_relation_size(t::regclass)) from unnest(array['command_results', "
                   "'command_requests', 'payloads', 'events', 'commands']) t"),
      size_in_the_middle * 5 / 4);
}

// covers: mdm.Q12
TEST_F(Queue, IsPrunedWithoutStandingInAnybodysWay) {
  for (int i = 0; i < 60; ++i) {
    const std::string uuid = "old-" + std::to_string(i);
    send(world.db.connection(), uuid);
    world.put("/mdm", report("Acknowledged", uuid));
  }
  world.advance(std::chrono::hours(24 * 6));
  pg::Connection slow(world.db.connect_options());
  slow.script("begin");
  EXPECT_EQ(core::tidy(slow, kFiveDays, world.clock.now()).results, 50);
  // The first 50 are locked until `slow` commits: devices, people and another janitor do not wait for it.
  auto& other = world.db.connection();
  other.script("set lock_timeout = '1s'");
  EXPECT_EQ(handed_out(world.put("/mdm", report("Acknowledged", "old-0"))), "")
      << "a device repeats an old report";
  EXPECT_TRUE(send(other, "new"));
  EXPECT_EQ(handed_out(world.put("/mdm", report("Idle"))), "new");
  EXPECT_EQ(core::tidy(other, kFiveDays, world.clock.now()).results, 10);
  slow.script("commit");
  EXPECT_EQ(world.number("select count(*) from command_results"), 0);
}

TEST_F(Queue, KeepsAPayloadAsLongAsARequestNamesIt) {
  const auto send_built = [&](const char* uuid) {
    return core::send_request(world.db.connection(),
                              {.uuid = core::encode_command_uuid(uuid),
                               .body = "<dict><key>RequestType</key><string>ProfileList</string></dict>",
                               .request_type = "ProfileList",
                               .relayed = false,
                               .enrollments = {enrollment}},
                              world.clock.now());
  };
  ASSERT_TRUE(send_built("one"));
  world.advance(std::chrono::hours(24 * 6));
  ASSERT_TRUE(send_built("two"));
  tidy_all(world.db.connection(), world.clock.now());
  EXPECT_EQ(world.number("select count(*) from command_requests"), 2) << "the first is still open";
  world.put("/mdm", report("Acknowledged", "one"));
  world.advance(std::chrono::hours(24));
  tidy_all(world.db.connection(), world.clock.now());
  EXPECT_EQ(world.number("select count(*) from command_requests"), 1);
  EXPECT_EQ(handed_out(world.put("/mdm", report("Idle"))), "two");
  world.put("/mdm", report("Acknowledged", "two"));
  world.advance(std::chrono::hours(24 * 6));
  tidy_all(world.db.connection(), world.clock.now());
  EXPECT_EQ(world.number("select count(*) from payloads where disposable"), 0);
  EXPECT_GT(world.number("select count(*) from payloads"), 0) << "the reconciler's own stay";
}

// covers: mdm.Q13
TEST_F(Queue, ASessionGoesOnAtAnotherServer) {
  SecondServer second(world);
  for (const char* uuid : {"CMD1", "CMD2", "CMD3"}) ASSERT_TRUE(send(world.db.connection(), uuid));
  EXPECT_EQ(handed_out(second.put(report("Idle"))), "CMD1");
  EXPECT_EQ(handed_out(world.put("/mdm", report("NotNow", "CMD1"))), "CMD2");
  EXPECT_EQ(handed_out(second.put(report("Acknowledged", "CMD2"))), "CMD3")
      << "CMD1 waits for the next session";
  EXPECT_EQ(handed_out(world.put("/mdm", report("Acknowledged", "CMD3"))), "");
  EXPECT_EQ(handed_out(second.put(report("Idle"))), "CMD1");
  EXPECT_EQ(handed_out(second.put(report("Acknowledged", "CMD1"))), "");
  EXPECT_EQ(handed_out(world.put("/mdm", report("Acknowledged", "CMD1"))), "") << "the same again, elsewhere";
  EXPECT_EQ(world.number("select count(*) from command_results"), 3);
  EXPECT_EQ(world.number("select count(*) from events where command_uuid is not null"), 4)
      << "3, and the NotNow";
}

/// What the device of the next test was given and had answered, on both its connections.
struct Ledger {
  std::mutex mutex;
  std::set<std::string> answered;  ///< Its report was accepted.
  std::vector<std::string> given_again;

  std::set<std::string> so_far() {
    const std::scoped_lock lock(mutex);
    return answered;
  }
  void accepted(const std::string& uuid) {
    const std::scoped_lock lock(mutex);
    answered.insert(uuid);
  }
  void given(const std::string& uuid, const std::set<std::string>& answered_before) {
    const std::scoped_lock lock(mutex);
    if (answered_before.contains(uuid)) given_again.push_back(uuid);
  }
};

// covers: mdm.Q13
TEST_F(Queue, TwoServersLoseNothingAndHandOutNothingThatWasAnswered) {
  SecondServer second(world);
  constexpr int kEach = 150;
  Ledger ledger;
  using Put = std::function<http::Response(const plist::Dict&)>;
  const auto connect_until_done = [&](const Put& put) {
    while (ledger.so_far().size() < std::size_t{2} * kEach) {
      plist::Dict message = report("Idle");
      while (true) {
        const auto before = ledger.so_far();
        const std::string uuid = handed_out(put(message));
        if (const auto* told = message.string("CommandUUID")) ledger.accepted(*told);
        if (uuid.empty()) break;
        ledger.given(uuid, before);
        message = report("Acknowledged", uuid);
      }
    }
  };
  const auto enqueue = [&](const char* prefix) {
    pg::Connection own(world.db.connect_options());
    for (int i = 0; i < kEach; ++i) EXPECT_TRUE(send(own, prefix + std::to_string(i)));
  };
  std::thread first_queue([&] { enqueue("A-"); });
  std::thread second_queue([&] { enqueue("B-"); });
  std::thread elsewhere([&] { connect_until_done([&](const auto& m) { return second.put(m); }); });
  connect_until_done([&](const auto& m) { return world.put("/mdm", m); });
  for (auto* thread : {&first_queue, &second_queue, &elsewhere}) thread->join();
  EXPECT_EQ(ledger.given_again, std::vector<std::string>{});
  EXPECT_EQ(world.number("select count(*) from command_results where status = 2"), 2 * kEach);
  EXPECT_EQ(world.number("select count(*) from events where command_uuid is not null"), 2 * kEach);
  EXPECT_EQ(world.number("select count(*) from commands"), 0);
  EXPECT_EQ(world.number("select coalesce(sum(value), 0) from counters where name like 'commands.%'"), 0);
}

// covers: mdm.Q13, mdm.Q08
TEST_F(Queue, OneUuidIsTakenByOneOfTwoServers) {
  constexpr int kCommands = 40;
  std::array<int, 2> taken{};
  const auto race = [&](int& count) {
    pg::Connection own(world.db.connect_options());
    for (int i = 0; i < kCommands; ++i) count += send(own, "CMD-" + std::to_string(i)) ? 1 : 0;
  };
  std::thread other([&] { race(taken[0]); });
  race(taken[1]);
  other.join();
  EXPECT_EQ(taken[0] + taken[1], kCommands);
  EXPECT_EQ(world.number("select count(*) from commands"), kCommands);
}

}  // namespace
}  // namespace mooring::test::queue_test
