// SPDX-License-Identifier: Apache-2.0
// Events by the API: lists, streams, named consumers, webhooks.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "core/outbox/outbox.hpp"
#include "tests/integration/api_fixture.hpp"
#include "tests/support/webhook_receiver.hpp"

namespace mooring::api_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct ApiEvents : ::testing::Test {
  ApiFixture api;

  void authenticate(const std::string& udid) {
    api.world.put("/mdm", {{"MessageType", "Authenticate"},
                           {"Topic", "com.apple.mgmt.t"},
                           {"UDID", udid},
                           {"SerialNumber", "S-" + udid}});
  }
  void report(const std::string& udid, const std::string& command) {
    api.world.report(udid, "Acknowledged", command);
  }
  std::vector<std::string> kinds(const std::string& target) {
    std::vector<std::string> found;
    const auto answer = api.get(target);
    for (const auto& item : answer.body["items"]) found.push_back(item["kind"]);
    return found;
  }
  std::string at() { return to_rfc3339(api.world.clock.now()); }
};

// covers: seed.02
TEST_F(ApiEvents, AreListedInOrderAndReadOnFromACursor) {
  authenticate("D1");
  report("D1", "CMD-1");
  const auto first = api.get("/v1/events?limit=1");
  const auto& event = first.body["items"][0];
  EXPECT_EQ(event["kind"], "authenticated");
  EXPECT_EQ(event["topic"], "mdm.Authenticate");
  EXPECT_EQ(event["device"], "D1");
  EXPECT_EQ(event["serial_number"], "S-D1");
  EXPECT_EQ(event["at"], at());
  EXPECT_TRUE(crypto::Uuid::parse(event["event_id"].get<std::string>()));
  const auto second = api.get("/v1/events?limit=1&cursor=" + first.body["next_cursor"].get<std::string>());
  EXPECT_EQ(second.body["items"][0]["command_uuid"], "CMD-1");
  EXPECT_EQ(second.body["items"][0]["status"], "acknowledged");
  EXPECT_NE(second.body["items"][0]["event_id"], event["event_id"]);
  const std::string end = second.body["cursor"];
  EXPECT_EQ(second.body["items"][0]["cursor"], end);
  EXPECT_THAT(kinds("/v1/events?after=" + end), IsEmpty());
  report("D1", "CMD-2");
  EXPECT_THAT(kinds("/v1/events?after=" + end), ElementsAre("command_reported"));
}

// covers: seed.02
TEST_F(ApiEvents, AreAnArchiveByTimeTopicAndDevice) {
  authenticate("D1");
  api.world.advance(std::chrono::hours(24));
  const std::string second_day = at();
  authenticate("D2");
  report("D2", "CMD-1");
  api.world.advance(std::chrono::hours(24));
  const std::string third_day = at();
  report("D1", "CMD-2");
  EXPECT_THAT(kinds("/v1/events?since=" + second_day),
              ElementsAre("authenticated", "command_reported", "command_reported"));
  EXPECT_THAT(kinds("/v1/events?since=" + second_day + "&until=" + third_day),
              ElementsAre("authenticated", "command_reported"));
  EXPECT_THAT(kinds("/v1/events?until=" + second_day), ElementsAre("authenticated"));
  EXPECT_THAT(kinds("/v1/events?device=S-D1"), ElementsAre("authenticated", "command_reported"));
  EXPECT_THAT(kinds("/v1/events?topic=mdm.Authenticate"), ElementsAre("authenticated", "authenticated"));
  EXPECT_THAT(kinds("/v1/events?topic=mdm.Authenticate&topic=mdm.CheckOut&device=D2"),
              ElementsAre("authenticated"));
  EXPECT_EQ(api.get("/v1/events?topic=mdm.Nonsense").code(), "event.unknown_topic");
  EXPECT_EQ(api.get("/v1/events?since=yesterday").code(), "request.bad_parameter");
  EXPECT_EQ(api.get("/v1/events?device=none").status, 404);
  EXPECT_EQ(api.get("/v1/events?after=x").code(), "request.bad_cursor");
  EXPECT_EQ(api.get("/v1/events?after=99.1.1.1").code(), "event.bad_cursor");
  EXPECT_EQ(api.get("/v1/events?limit=0").code(), "request.bad_parameter");
}

// covers: seed.02
TEST_F(ApiEvents, ShowTheMessageOnlyWhereItWasKeptAndAskedFor) {
  authenticate("D1");
  api.world.interest().want(core::EventKinds::all_but_idle(), false);
  report("D1", "CMD-1");
  const auto answer = api.get("/v1/events?bodies=true");
  EXPECT_EQ(answer.body["items"][0]["raw_payload"], Json()) << "nobody wanted it then";
  const auto message = from_base64(answer.body["items"][1]["raw_payload"].get<std::string>());
  ASSERT_TRUE(message);
  EXPECT_EQ(*plist::parse_dict(*message)->string("CommandUUID"), "CMD-1");
  EXPECT_FALSE(api.get("/v1/events").body["items"][1].contains("raw_payload"));
}

// covers: mdm.C16
TEST_F(ApiEvents, CarryTheParametersOfTheUrlThatADeviceCalled) {
  const auto message = plist::to_xml(
      plist::Dict{{"MessageType", "Authenticate"}, {"Topic", "com.apple.mgmt.t"}, {"UDID", "D1"}});
  EXPECT_EQ(api.world.put_bytes("/mdm?site=berlin&room=1%2F2", message).status, 200);
  api.world.put_bytes(
      "/mdm?site=paris",
      plist::to_xml(plist::Dict{{"UDID", "D1"}, {"Status", "Acknowledged"}, {"CommandUUID", "CMD-1"}}));
  const auto answer = api.get("/v1/events");
  ASSERT_EQ(answer.body["items"].size(), 2U);
  EXPECT_EQ(answer.body["items"][0]["url_params"], (Json{{"site", "berlin"}, {"room", "1/2"}}));
  EXPECT_EQ(answer.body["items"][1]["url_params"], (Json{{"site", "paris"}}));
}

struct ApiConsumers : ApiEvents {
  std::vector<std::string> commands(const Json& events) {
    std::vector<std::string> uuids;
    for (const auto& event : events["items"]) uuids.push_back(event.value("command_uuid", Json()).dump());
    return uuids;
  }
};

// covers: seed.03
TEST_F(ApiConsumers, GetEachEventUntilTheyAcknowledgeItAndGoOnFromThere) {
  authenticate("D1");
  auto answer = api.put("/v1/consumers/inventory", "{}");
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body["kind"], "pull");
  EXPECT_EQ(api.consumer_changes, 1);
  for (int i = 1; i <= 5; ++i) report("D1", "CMD-" + std::to_string(i));
  answer = api.get("/v1/consumers/inventory/events?limit=2");
  EXPECT_THAT(commands(answer.body), ElementsAre("\"CMD-1\"", "\"CMD-2\"")) << "from when it was made";
  EXPECT_TRUE(answer.body["more"]);
  EXPECT_EQ(commands(api.get("/v1/consumers/inventory/events?limit=2").body), commands(answer.body))
      << "whoever crashed before it acknowledged gets them again";
  const std::string second = answer.body["cursor"];
  EXPECT_EQ(api.post("/v1/consumers/inventory/ack", {{"cursor", second}}).status, 200);
  answer = api.get("/v1/consumers/inventory/events");
  EXPECT_THAT(commands(answer.body), ElementsAre("\"CMD-3\"", "\"CMD-4\"", "\"CMD-5\""));
  EXPECT_EQ(api.post("/v1/consumers/inventory/ack", {{"cursor", answer.body["cursor"]}}).status, 200);
  EXPECT_EQ(api.post("/v1/consumers/inventory/ack", {{"cursor", second}}).status, 200)
      << "late, and no step back";
  EXPECT_THAT(commands(api.get("/v1/consumers/inventory/events").body), IsEmpty());
}

// covers: seed.03
TEST_F(ApiConsumers, EachNameHasAPlaceOfItsOwn) {
  authenticate("D1");
  report("D1", "CMD-1");
  api.put("/v1/consumers/all", R"({"from":"beginning"})");
  api.put("/v1/consumers/reports", R"({"from":"beginning","topics":["mdm.Connect"],"bodies":false})");
  EXPECT_EQ(api.get("/v1/consumers/all/events").body["items"].size(), 2U);
  const auto reports = api.get("/v1/consumers/reports/events");
  ASSERT_EQ(reports.body["items"].size(), 1U);
  EXPECT_FALSE(reports.body["items"][0].contains("raw_payload"));
  api.post("/v1/consumers/reports/ack", {{"cursor", reports.body["cursor"]}});
  EXPECT_EQ(api.get("/v1/consumers/all/events").body["items"].size(), 2U);
  api.world.advance(std::chrono::seconds(90));
  EXPECT_EQ(api.get("/v1/consumers/all").body["lag_seconds"], 90.0);
  EXPECT_EQ(api.get("/v1/consumers/reports").body["lag_seconds"], 0.0);
  EXPECT_EQ(api.get("/v1/consumers").body["items"].size(), 2U);
  EXPECT_EQ(api.put("/v1/consumers/reports", R"({"from":"beginning"})").status, 200);
  EXPECT_EQ(api.get("/v1/consumers/reports/events").body["items"].size(), 1U) << "and may begin anew";
  EXPECT_EQ(api.remove("/v1/consumers/all").status, 204);
  EXPECT_EQ(api.get("/v1/consumers/all/events").status, 404);
}

TEST_F(ApiConsumers, AreRefusedWhatMakesNoSense) {
  EXPECT_EQ(api.put("/v1/consumers/bad%20name", "{}").code(), "consumer.bad_name");
  EXPECT_EQ(api.put("/v1/consumers/c", R"({"topics":["mdm.Nonsense"]})").code(), "event.unknown_topic");
  EXPECT_EQ(api.put("/v1/consumers/c", R"({"topics":"mdm.Connect"})").code(), "request.wrong_type");
  EXPECT_EQ(api.put("/v1/consumers/c", R"({"bodies":"yes"})").code(), "request.wrong_type");
  EXPECT_EQ(api.put("/v1/consumers/c", R"({"from":"tomorrow"})").code(), "request.bad_cursor");
  EXPECT_EQ(api.put("/v1/consumers/c", "{}").status, 201);
  EXPECT_EQ(api.post("/v1/consumers/c/ack", {{"cursor", "1.999999999999.5.0"}}).code(), "event.bad_cursor");
  EXPECT_EQ(api.get("/v1/consumers/nobody").code(), "consumer.unknown");
  api.post("/v1/webhooks", {{"name", "w"}, {"url", "http://127.0.0.1:1/"}});
  EXPECT_EQ(api.get("/v1/consumers/w/events").code(), "consumer.is_webhook");
  EXPECT_EQ(api.put("/v1/consumers/w", "{}").code(), "consumer.is_webhook");
}

// covers: seed.07, mdm.O02
TEST_F(ApiEvents, AWebhookIsMadeShownChangedAndDeletedAndNeverShowsItsSecrets) {
  auto answer = api.post("/v1/webhooks", {{"name", "hook"},
                                          {"url", "https://hooks.example/mdm"},
                                          {"hmac_key", "s3cret-key"},
                                          {"headers", {{"Authorization", "Bearer t0ken"}}},
                                          {"topics", {"mdm.Connect"}}});
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.response.headers.get("Location"), "/v1/webhooks/hook");
  EXPECT_EQ(answer.body["hmac"], true);
  EXPECT_EQ(answer.body["headers"], Json::array({"Authorization"}));
  EXPECT_EQ(api.consumer_changes, 1);
  EXPECT_EQ(api.post("/v1/webhooks", {{"name", "hook"}, {"url", "http://other/"}}).code(), "webhook.exists");
  EXPECT_EQ(api.patch("/v1/webhooks/hook", {{"enabled", false}}).body["enabled"], false);
  answer = api.get("/v1/webhooks/hook");
  EXPECT_EQ(answer.body["hmac"], true) << "what was not named stays";
  EXPECT_EQ(answer.body["topics"], Json::array({"mdm.Connect"}));
  EXPECT_THAT(answer.response.body, Not(HasSubstr("s3cret")));
  EXPECT_THAT(answer.response.body, Not(HasSubstr("t0ken")));
  EXPECT_EQ(
      api.world.number("select position('s3cret'::bytea in hmac_key) + position('t0ken'::bytea in headers) "
                       "from event_consumers"),
      0);
  EXPECT_EQ(api.patch("/v1/webhooks/hook", {{"hmac_key", nullptr}, {"headers", nullptr}}).body["hmac"],
            false);
  EXPECT_EQ(api.get("/v1/webhooks").body["items"].size(), 1U);
  EXPECT_EQ(api.remove("/v1/webhooks/hook").status, 204);
  EXPECT_EQ(api.get("/v1/webhooks/hook").code(), "webhook.unknown");
}

TEST_F(ApiEvents, AWebhookThatCannotWorkIsRefused) {
  const auto refused = [&](const Json& more) {
    Json body{{"name", "hook"}, {"url", "http://127.0.0.1:1/"}};
    body.update(more);
    return api.post("/v1/webhooks", body).code();
  };
  EXPECT_EQ(refused({{"url", "nowhere"}}), "webhook.bad_url");
  EXPECT_EQ(refused({{"url", "http://user:pw@host/"}}), "webhook.bad_url");
  EXPECT_EQ(refused({{"name", "a/b"}}), "consumer.bad_name");
  EXPECT_EQ(refused({{"topics", {"connect"}}}), "event.unknown_topic");
  EXPECT_EQ(refused({{"headers", {{"X-Hmac-Signature", "x"}}}}), "webhook.bad_header");
  EXPECT_EQ(refused({{"headers", {{"X-A", "a\r\nX-B: b"}}}}), "webhook.bad_header");
  EXPECT_EQ(refused({{"headers", {{"bad name", "a"}}}}), "webhook.bad_header");
  EXPECT_EQ(refused({{"headers", Json::array({"a"})}}), "webhook.bad_header");
  EXPECT_EQ(refused({{"hmac_key", ""}}), "webhook.bad_key");
  EXPECT_EQ(refused({{"trust", "no certificate"}}), "webhook.bad_trust");
  EXPECT_EQ(refused({{"retries", 5}}), "request.unknown_key");
  EXPECT_EQ(api.get("/v1/webhooks").body["items"].size(), 0U);
}

// covers: mdm.O02
TEST_F(ApiEvents, DeadLettersAreShownRetriedAndDropped) {
  std::atomic<bool> choosy{true};
  test::WebhookReceiver receiver([&](const test::Received&) { return choosy ? 400 : 204; });
  Logger quiet(LogLevel::off, LogFormat::logfmt);
  const SystemClock clock;
  core::Outbox outbox({.connect = api.world.db.connect_options(),
                       .delivery = {.attempts = 1},
                       .poll = std::chrono::milliseconds(20),
                       .refresh = std::chrono::milliseconds(50)},
                      api.world.interest(), api.world.secrets(), clock, quiet, api.world.db.metrics);
  api.post("/v1/webhooks", {{"name", "hook"}, {"url", receiver.url()}});
  for (const char* udid : {"D1", "D2"}) authenticate(udid);
  ASSERT_TRUE(test::eventually([&] { return api.get("/v1/webhooks/hook").body["dead_letters"] == 2; }));
  auto letters = api.get("/v1/webhooks/hook/dead-letters?limit=1");
  ASSERT_EQ(letters.body["items"].size(), 1U);
  EXPECT_EQ(letters.body["items"][0]["device"], "D1");
  EXPECT_EQ(letters.body["items"][0]["failure"], "answered 400");
  EXPECT_EQ(letters.body["items"][0]["attempts"], 1);
  const auto rest = api.get("/v1/webhooks/hook/dead-letters?limit=1&cursor=" +
                            letters.body["next_cursor"].get<std::string>());
  EXPECT_EQ(rest.body["items"][0]["device"], "D2");
  EXPECT_EQ(rest.body["next_cursor"], Json());

  const Json first{{"events", Json::array({letters.body["items"][0]["cursor"]})}};
  EXPECT_EQ(api.post("/v1/webhooks/hook/dead-letters/drop", first).body["dead_letters"], 1);
  EXPECT_EQ(api.post("/v1/webhooks/hook/dead-letters/drop", first).body["dead_letters"], 0);
  choosy = false;
  EXPECT_EQ(api.post("/v1/webhooks/hook/dead-letters/retry", {{"all", true}}).body["dead_letters"], 1);
  ASSERT_TRUE(test::eventually([&] { return api.get("/v1/webhooks/hook").body["delivered_at"] != Json(); }));
  EXPECT_THAT(receiver.received().back().body, HasSubstr("D2"));
  EXPECT_EQ(api.get("/v1/webhooks/hook").body["dead_letters"], 0);
  EXPECT_EQ(api.post("/v1/webhooks/hook/dead-letters/retry", Json::object()).code(), "webhook.which_letters");
}

/// A browser's EventSource, as far as it matters: a plain socket and the bytes that came.
class EventSource {
 public:
  EventSource(ApiFixture& api, const std::string& target, const std::string& last_event_id = {}) {
    const auto port = static_cast<std::uint16_t>(std::stoi(api.url().substr(api.url().rfind(':') + 1)));
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{.tv_sec = 30, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    std::string head = "GET " + target +
                       " HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: Bearer " +
                       api.token + "\r\n";
    if (!last_event_id.empty()) head += "Last-Event-ID: " + last_event_id + "\r\n";
    head += "\r\n";
    EXPECT_GT(::send(socket_, head.data(), head.size(), MSG_NOSIGNAL), 0);
  }
  ~EventSource() { ::close(socket_); }
  EventSource(const EventSource&) = delete;
  EventSource& operator=(const EventSource&) = delete;

  /// Reads until `text` came `times`; everything so far.
  const std::string& read_until(const std::string& text, int times = 1) {
    while (count(text) < times) {
      char piece[4096];
      const auto got = ::recv(socket_, piece, sizeof piece, 0);
      if (got <= 0) {
        ADD_FAILURE() << "the stream ended without " << text << ":\n" << bytes_;
        break;
      }
      bytes_.append(piece, static_cast<std::size_t>(got));
    }
    return bytes_;
  }
  std::string last_id() const {
    const auto at = bytes_.rfind("id: ") + 4;
    return bytes_.substr(at, bytes_.find('\n', at) - at);
  }

 private:
  int count(const std::string& text) const {
    int times = 0;
    for (auto at = bytes_.find(text); at != std::string::npos; at = bytes_.find(text, at + 1)) ++times;
    return times;
  }
  int socket_ = -1;
  std::string bytes_;
};

// covers: seed.03
TEST_F(ApiEvents, StreamAsTheyHappenAndAClientThatComesBackMissesNothing) {
  authenticate("D1");
  std::string last;
  {
    EventSource source(api, "/v1/events?topic=mdm.Connect");
    EXPECT_THAT(source.read_until("retry: "), HasSubstr("text/event-stream"));
    report("D1", "CMD-1");
    report("D1", "CMD-2");
    const auto& bytes = source.read_until("\ndata: ", 2);
    EXPECT_THAT(bytes, HasSubstr("event: mdm.Connect"));
    EXPECT_THAT(bytes, Not(HasSubstr("mdm.Authenticate"))) << "it began when it was asked for";
    source.read_until("CMD-2");
    last = source.last_id();
  }
  report("D1", "CMD-3");
  report("D1", "CMD-4");
  EventSource again(api, "/v1/events?topic=mdm.Connect", last);
  const auto& bytes = again.read_until("CMD-4");
  EXPECT_THAT(bytes, HasSubstr("CMD-3"));
  EXPECT_THAT(bytes, Not(HasSubstr("CMD-2")));
  report("D1", "CMD-5");
  again.read_until("CMD-5");
}

TEST_F(ApiEvents, AStreamOfNonsenseIsRefusedBeforeItBegins) {
  auto request = api.make("GET", "/v1/events");
  request.headers.set("Accept", "text/event-stream");
  request.headers.set("Last-Event-ID", "nonsense");
  EXPECT_EQ(api.send(request).code(), "request.bad_cursor");
  request.headers.set("Authorization", "Bearer wrong");
  EXPECT_EQ(api.send(request).status, 401);
}

}  // namespace
}  // namespace mooring::api_test
