// SPDX-License-Identifier: Apache-2.0
#include "core/command.hpp"

#include <gtest/gtest.h>

#include "base/plist/plist.hpp"

namespace mooring::core {
namespace {

TEST(CommandUuid, EveryTextComesBackAsItWent) {
  for (const std::string text :
       {"6E35A0A4-3D0F-4D0A-9C3D-0F8E0F5C1B11", "6e35a0a4-3d0f-4d0a-9c3d-0f8e0f5c1b11", "CMD1",
        "fifteen-letters", "sixteen-letters!", "a", "6E35A0A4-3D0F-4D0A-9C3D-0F8E0F5C1B111", "\xC3\xA9"}) {
    EXPECT_EQ(decode_command_uuid(encode_command_uuid(text)), text);
  }
}

TEST(CommandUuid, ApplesFormTakesSixteenBytesAndNoOtherTextLooksLikeIt) {
  EXPECT_EQ(encode_command_uuid("6E35A0A4-3D0F-4D0A-9C3D-0F8E0F5C1B11").size(), 16U);
  EXPECT_NE(encode_command_uuid("fifteen-letters").size(), 16U);
}

TEST(CommandEnvelope, HoldsCommandAndUuidAndEscapesTheUuid) {
  const auto parsed = plist::parse_dict(
      command_envelope("<dict><key>RequestType</key><string>ProfileList</string></dict>", "A<&>B"));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed->string("CommandUUID"), "A<&>B");
  EXPECT_EQ(*parsed->dict("Command")->string("RequestType"), "ProfileList");
}

}  // namespace
}  // namespace mooring::core
