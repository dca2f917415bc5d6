// SPDX-License-Identifier: Apache-2.0
// The JSON that consumers of MicroMDM and NanoMDM know, field by field (mdm-core.md 7.2).
#include "core/outbox/webhook_event.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "core/command.hpp"

namespace mooring::core {
namespace {

using Json = nlohmann::json;

const crypto::Uuid kUuid = *crypto::Uuid::parse("0A1B2C3D-0000-8000-8000-00000000000F");

StoredEvent event_of(EventKind kind) {
  StoredEvent event;
  event.position = {7, 8};
  event.created_at = Time{std::chrono::milliseconds(1'793'000'000'125)};
  event.kind = kind;
  event.enrollment = 1;
  event.enrollment_id = "UDID-1";
  event.device_key = "UDID-1";
  return event;
}

Json shown(const StoredEvent& event, std::string_view body = "<plist/>") {
  return Json::parse(webhook_json(event, kUuid, body));
}

struct TopicCase {
  EventKind kind;
  const char* topic;
  const char* part;
};

// covers: seed.07, mdm.O02
TEST(WebhookEvent, EveryKindHasItsTopicAndItsPart) {
  for (const auto& [kind, topic, part] :
       {TopicCase{EventKind::authenticated, "mdm.Authenticate", "checkin_event"},
        TopicCase{EventKind::token_updated, "mdm.TokenUpdate", "checkin_event"},
        TopicCase{EventKind::checked_out, "mdm.CheckOut", "checkin_event"},
        TopicCase{EventKind::user_authenticated, "mdm.UserAuthenticate", "checkin_event"},
        TopicCase{EventKind::bootstrap_token_set, "mdm.SetBootstrapToken", "checkin_event"},
        TopicCase{EventKind::bootstrap_token_read, "mdm.GetBootstrapToken", "checkin_event"},
        TopicCase{EventKind::declarations_read, "mdm.DeclarativeManagement", "checkin_event"},
        TopicCase{EventKind::declaration_status, "mdm.DeclarativeManagement", "checkin_event"},
        TopicCase{EventKind::token_read, "mdm.GetToken", "checkin_event"},
        TopicCase{EventKind::command_reported, "mdm.Connect", "acknowledge_event"},
        TopicCase{EventKind::idle, "mdm.Connect", "acknowledge_event"}}) {
    const auto json = shown(event_of(kind));
    EXPECT_EQ(json.size(), 4U) << json;
    EXPECT_EQ(json["topic"], topic);
    EXPECT_EQ(json["event_id"], "0a1b2c3d-0000-8000-8000-00000000000f");
    EXPECT_EQ(json["created_at"], "2026-10-26T07:33:20.125Z");
    ASSERT_TRUE(json.contains(part)) << topic;
    EXPECT_EQ(json[part]["udid"], "UDID-1");
    EXPECT_FALSE(json[part].contains("enrollment_id"));
    EXPECT_EQ(json[part]["raw_payload"], to_base64("<plist/>"));
    EXPECT_EQ(json[part]["ids"], (Json{{"id", "UDID-1"}, {"type", "Device"}}));
  }
}

// covers: seed.07
TEST(WebhookEvent, AReportSaysItsStatusAndItsCommand) {
  auto event = event_of(EventKind::command_reported);
  event.command_uuid = "CMD-1";
  for (const auto& [status, text] :
       {std::pair{CommandStatus::acknowledged, "Acknowledged"}, std::pair{CommandStatus::error, "Error"},
        std::pair{CommandStatus::command_format_error, "CommandFormatError"},
        std::pair{CommandStatus::not_now, "NotNow"}}) {
    event.status = static_cast<std::int16_t>(status);
    const auto part = shown(event)["acknowledge_event"];
    EXPECT_EQ(part["status"], text);
    EXPECT_EQ(part["command_uuid"], "CMD-1");
  }
  event.status = std::int16_t{-1};
  EXPECT_EQ(
      shown(event,
            "<plist><dict><key>Status</key><string>Bewildered</string></dict></plist>")["acknowledge_event"]
                                                                                       ["status"],
      "Bewildered")
      << "a word that we do not know is passed on";
  EXPECT_EQ(shown(event_of(EventKind::idle))["acknowledge_event"]["status"], "Idle");
  EXPECT_FALSE(shown(event_of(EventKind::idle))["acknowledge_event"].contains("command_uuid"));
}

// covers: mdm.O02
TEST(WebhookEvent, OnlyTokenUpdatesCarryTheTally) {
  auto event = event_of(EventKind::token_updated);
  event.detail = R"({"token_update_tally":3})";
  EXPECT_EQ(shown(event)["checkin_event"]["token_update_tally"], 3);
  event.kind = EventKind::authenticated;
  EXPECT_FALSE(shown(event)["checkin_event"].contains("token_update_tally"));
}

struct ChannelCase {
  EnrollmentKind kind;
  const char* type;
  const char* id;
  const char* parent;
  const char* key;  ///< Under which the device is named.
};

// covers: mdm.O02
TEST(WebhookEvent, IdsNameTheChannelInNanoMdmsWords) {
  for (const auto& each :
       {ChannelCase{EnrollmentKind::device, "Device", "D", "", "udid"},
        ChannelCase{EnrollmentKind::user, "User", "D:U", "D", "udid"},
        ChannelCase{EnrollmentKind::shared_ipad, "Shared iPad", "D:ada", "D", "udid"},
        ChannelCase{EnrollmentKind::user_enrollment_device, "User Enrollment (Device)", "D", "",
                    "enrollment_id"},
        ChannelCase{EnrollmentKind::user_enrollment, "User Enrollment", "D:EU", "D", "enrollment_id"}}) {
    auto event = event_of(EventKind::token_updated);
    event.channel = each.kind;
    event.enrollment_id = each.id;
    event.parent_id = each.parent;
    event.device_key = "D";
    const auto part = shown(event)["checkin_event"];
    EXPECT_EQ(part["ids"]["type"], each.type);
    EXPECT_EQ(part["ids"]["id"], each.id);
    EXPECT_EQ(part["ids"].value("parent_id", ""), each.parent);
    EXPECT_EQ(part["ids"].contains("parent_id"), *each.parent != '\0');
    EXPECT_EQ(part[each.key], "D");
    EXPECT_EQ(part.contains("udid") && part.contains("enrollment_id"), false);
  }
}

// covers: mdm.C16
TEST(WebhookEvent, UrlParametersArePassedOn) {
  auto event = event_of(EventKind::authenticated);
  EXPECT_FALSE(shown(event)["checkin_event"].contains("url_params"));
  event.url_params = R"({"site":"berlin","n":""})";
  EXPECT_EQ(shown(event)["checkin_event"]["url_params"], (Json{{"site", "berlin"}, {"n", ""}}));
  event.kind = EventKind::command_reported;
  EXPECT_EQ(shown(event)["acknowledge_event"]["url_params"]["site"], "berlin");
}

TEST(WebhookEvent, AMessageThatWasNotKeptLeavesThePayloadEmpty) {
  EXPECT_EQ(shown(event_of(EventKind::authenticated), "")["checkin_event"]["raw_payload"], "");
}

// RFC 4231, test case 2.
TEST(WebhookEvent, TheSignatureIsHmacSha256InBase64) {
  const auto hex = from_hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(webhook_signature("Jefe", "what do ya want for nothing?"), to_base64(*hex));
}

TEST(EventUuid, IsOfTheEventAndOfTheInstallation) {
  const EventLog one{.name_space = kUuid, .epoch = 1};
  EventLog other = one;
  other.epoch = 2;
  EXPECT_EQ(event_uuid(one, 5), event_uuid(other, 5)) << "a restore changes no event";
  EXPECT_NE(event_uuid(one, 5), event_uuid(one, 6));
  other.name_space.bytes[0] ^= 1U;
  EXPECT_NE(event_uuid(one, 5), event_uuid(other, 5));
}

}  // namespace
}  // namespace mooring::core
