// SPDX-License-Identifier: Apache-2.0
#include "core/outbox/position.hpp"

#include <gtest/gtest.h>

#include "core/event.hpp"
#include "core/outbox/consumers.hpp"
#include "core/outbox/webhook_url.hpp"

namespace mooring::core {
namespace {

TEST(EventCursor, ReadsBackWhatItWrote) {
  const EventCursor cursor{
      .epoch = 3, .position = {std::uint64_t{1} << 40U, 77}, .at = Time{std::chrono::seconds(1'793'000'000)}};
  EXPECT_EQ(to_text(cursor), "3.1099511627776.77.1793000000");
  EXPECT_EQ(parse_event_cursor(to_text(cursor)), cursor);
}

TEST(EventCursor, RefusesWhatItNeverWrote) {
  for (const char* text :
       {"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.x", "1..3.4", "1.-2.3.4", "a.b.c.d", "1.2.3.4 ",
        "99999999999.2.3.4", "1.2.3.99999999999999", "1.99999999999999999999.3.4"}) {
    EXPECT_FALSE(parse_event_cursor(text)) << text;
  }
}

TEST(Position, OrdersByTransactionBeforeId) {
  EXPECT_LT((Position{1, 9}), (Position{2, 1}));
  EXPECT_LT((Position{2, 1}), (Position{2, 2}));
}

TEST(EventKinds, HaveNamesAndTopicsOfTheirOwn) {
  EXPECT_EQ(event_kinds().size(), 12U);
  for (const auto kind : event_kinds()) {
    EXPECT_EQ(event_kind_named(name_of(kind)), kind);
    EXPECT_TRUE(topic_of(kind).starts_with("mdm.")) << name_of(kind);
    EXPECT_EQ(EventKinds::all_but_idle().has(kind), kind != EventKind::idle);
  }
  EXPECT_EQ(name_of(static_cast<EventKind>(99)), "unknown");
  EXPECT_FALSE(event_kind_named("nonsense"));
  EXPECT_EQ(event_topics().size(), 10U) << "reports and idle connections share one, declarations another";
}

TEST(Consumer, GetsTheKindsOfItsTopicsAndIdleOnlyWhenItAsks) {
  Consumer consumer;
  EXPECT_EQ(kinds_of(consumer), EventKinds::all_but_idle());
  consumer.topics = {"mdm.Connect"};
  EXPECT_TRUE(kinds_of(consumer).has(EventKind::command_reported));
  EXPECT_FALSE(kinds_of(consumer).has(EventKind::authenticated));
  EXPECT_FALSE(kinds_of(consumer).has(EventKind::idle));
  consumer.include_idle = true;
  EXPECT_TRUE(kinds_of(consumer).has(EventKind::idle));
  consumer.topics = {"mdm.DeclarativeManagement"};
  EXPECT_TRUE(kinds_of(consumer).has(EventKind::declaration_status));
  EXPECT_TRUE(kinds_of(consumer).has(EventKind::declarations_read));
  EXPECT_FALSE(kinds_of(consumer).has(EventKind::idle)) << "not among its topics";
}

TEST(WebhookUrl, SplitsIntoServerAndTarget) {
  const auto url = parse_webhook_url("https://hooks.example:8443/a/b?key=v%20w");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->base, "https://hooks.example:8443");
  EXPECT_EQ(url->target, "/a/b?key=v%20w");
  EXPECT_EQ(parse_webhook_url("http://127.0.0.1")->base, "http://127.0.0.1:80");
  EXPECT_EQ(parse_webhook_url("https://[::1]")->base, "https://[::1]:443");
  EXPECT_EQ(parse_webhook_url("https://h")->target, "/");
}

TEST(WebhookUrl, RefusesWhatNoWebhookIs) {
  for (const char* url :
       {"", "hooks.example", "ftp://h/", "https://", "https:///path", "https://user:pw@h/", "https://h/#part",
        "https://h:99999/", "https://h:/", "https://h/ a", "/relative"}) {
    const auto parsed = parse_webhook_url(url);
    ASSERT_FALSE(parsed) << url;
    EXPECT_EQ(parsed.error().code, "webhook.bad_url") << url;
  }
}

}  // namespace
}  // namespace mooring::core
