// SPDX-License-Identifier: Apache-2.0
#include "core/command_builder.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <functional>
#include <set>

#include "base/plist/plist.hpp"
#include "schema/schema.hpp"

namespace mooring::core {
namespace {

using plist::Array;
using plist::Data;
using plist::Date;
using plist::Dict;
using plist::Value;
using schema::Key;
using schema::Platform;
using schema::Schema;
using schema::Target;
using schema::Type;

std::string error_of(const Result<Dict>& built) {
  return built ? "" : built.error().code + " " + built.error().message;
}

// ---- examples made from the table

/// "iTunesStoreID" as people write it: "i_tunes_store_id".
std::string snake_case(std::string_view name) {
  std::string snake;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto upper = [&](std::size_t at) { return at < name.size() && std::isupper(name[at]) != 0; };
    const bool word = upper(i) && i > 0 && (!upper(i - 1) || (i + 1 < name.size() && !upper(i + 1)));
    if (word) snake += '_';
    snake += static_cast<char>(std::tolower(name[i]));
  }
  return snake;
}

/// What a person would write in JSON.
struct Example {
  bool full = false;   ///< Every key, otherwise the required ones.
  bool snake = false;  ///< Names in snake_case.
  Target target = {};  ///< Keys that it does not have are left out.

  Value value(const Key& key) const {
    switch (key.type) {
      case Type::integer:
        return key.allowed.empty() ? static_cast<int>(key.minimum.value_or(1))
                                   : std::stoi(key.allowed.front());
      case Type::real:
        return key.minimum.value_or(1);
      case Type::boolean:
        return true;
      case Type::data:
        return "AQID";
      case Type::date:
        return "2026-11-22T04:51:30Z";
      case Type::array:
        return array(key);
      case Type::dictionary:
        return dict(key);
      case Type::any:
        return Dict{{"some_Name", Array{"AQID", 7}}};
      case Type::string:
        break;
    }
    if (!key.allowed.empty()) return key.allowed.front();
    return key.keys.empty() ? "text" : key.keys.front().name;
  }

  Array array(const Key& key) const {
    Array elements;
    for (const auto& element : key.keys) {
      if (available_to(element.supports, target)) elements.push_back(value(element));
    }
    return elements;
  }

  Dict dict(const Key& key) const {
    Dict made;
    for (const auto& child : key.keys) {
      if (!full && !child.required) continue;
      if (!available_to(child.supports, target)) continue;
      if (child.name == "*") {
        made.set("any_Name", value(child));
      } else {
        made.set(snake ? snake_case(child.name) : child.name, value(child));
      }
    }
    return made;
  }
};

/// Each of the table, with its name for what fails. In one test: a process for each would take longer than
/// it.
void for_every_command(const std::function<void(const std::string&, const Key&)>& check) {
  const auto types = Schema::apple().request_types();
  ASSERT_GT(types.size(), 60U);
  for (const auto& type : types) {
    SCOPED_TRACE(type);
    check(type, Schema::apple().command(type)->request);
  }
}

// covers: seed.05
TEST(EveryCommand, IsBuiltFromAMinimalAndAFullExample) {
  for_every_command([](const std::string& type, const Key& request) {
    for (const bool full : {false, true}) {
      const auto built = build_command(type, Example{.full = full}.dict(request));
      ASSERT_TRUE(built) << error_of(built);
      EXPECT_EQ(*built->string("RequestType"), type);
      EXPECT_EQ(schema::to_string(Schema::apple().check_request(*built)), "");
      const auto sent = plist::parse(plist::to_xml(*built));
      ASSERT_TRUE(sent) << sent.error().message;
      EXPECT_EQ(*sent, Value(*built)) << "a property list can carry it";
    }
  });
}

// covers: seed.05
TEST(EveryCommand, IsTheSameFromSnakeCase) {
  for_every_command([](const std::string& type, const Key& request) {
    const auto apple = build_command(type, Example{.full = true}.dict(request));
    const auto snake = build_command(type, Example{.full = true, .snake = true}.dict(request));
    ASSERT_TRUE(snake) << error_of(snake);
    EXPECT_EQ(*snake, *apple);
  });
}

// covers: seed.05
TEST(EveryCommand, IsRightForEachPlatformThatHasIt) {
  for_every_command([](const std::string& type, const Key& request) {
    int platforms = 0;
    for (const auto platform :
         {Platform::ios, Platform::macos, Platform::tvos, Platform::visionos, Platform::watchos}) {
      for (const bool user : {false, true}) {
        const Target target{.platform = platform, .os_version = "26.0", .user_channel = user};
        if (!available_to(Schema::apple().command(type)->supports, target)) continue;
        ++platforms;
        const auto built = build_command(type, Example{.target = target}.dict(request));
        ASSERT_TRUE(built) << error_of(built);
        EXPECT_EQ(schema::to_string(Schema::apple().check_request(*built, target)), "");
      }
    }
    EXPECT_GT(platforms, 0);
  });
}

void expect_unambiguous(const Key& key, const std::string& path) {
  std::set<std::string> seen;
  for (const auto& child : key.keys) {
    std::string plain;
    for (const char c : child.name) {
      if (c != '_') plain += static_cast<char>(std::tolower(c));
    }
    EXPECT_TRUE(seen.insert(plain).second) << path << "." << child.name;
    expect_unambiguous(child, path + "." + child.name);
  }
}

TEST(EveryCommand, HasNoTwoKeysThatSnakeCaseWouldConfuse) {
  for_every_command([](const std::string& type, const Key& request) { expect_unambiguous(request, type); });
}

TEST(EveryCommand, HasNoKeyThatTheApiNeedsForItself) {
  for_every_command([](const std::string& type, const Key& request) {
    const std::set<std::string> own{"request_type", "plist", "enrollments", "devices",          "udid",
                                    "command_uuid", "push",  "expires_in",  "allow_unsupported"};
    for (const auto& key : request.keys) {
      EXPECT_FALSE(own.contains(key.name) || own.contains(snake_case(key.name))) << key.name;
      EXPECT_NE(snake_case(key.name), "priority");
    }
  });
}

// ---- how values are read

TEST(BuildCommand, ReadsEachTypeOfTheTable) {
  const auto built = build_command("InstallApplication",
                                   Dict{{"itunes_store_id", 361309726},
                                        {"Options", Dict{{"purchase_method", 1}}},
                                        {"InstallAsManaged", true},
                                        {"Configuration", Dict{{"server_url", "https://x"}, {"N", 1.5}}}});
  ASSERT_TRUE(built) << error_of(built);
  EXPECT_EQ(*built, (Dict{{"RequestType", "InstallApplication"},
                          {"iTunesStoreID", 361309726},
                          {"Options", Dict{{"PurchaseMethod", 1}}},
                          {"InstallAsManaged", true},
                          {"Configuration", Dict{{"server_url", "https://x"}, {"N", 1.5}}}}))
      << "names in the app's configuration are the app's own";
  EXPECT_EQ(*build_command("InstallProfile", Dict{{"payload", "PHBsaXN0Lz4="}})->data("Payload"),
            Data{"<plist/>"});
}

// covers: seed.05
TEST(BuildCommand, ReadsSettingsByTheirItem) {
  const auto built =
      build_command("Settings", Dict{{"settings", Array{Dict{{"item", "DeviceName"}, {"device_name", "A"}},
                                                        Dict{{"Item", "Bluetooth"}, {"enabled", false}}}}});
  ASSERT_TRUE(built) << error_of(built);
  EXPECT_EQ(*built->array("Settings"), (Array{Dict{{"Item", "DeviceName"}, {"DeviceName", "A"}},
                                              Dict{{"Item", "Bluetooth"}, {"Enabled", false}}}));
}

struct Wrong {
  const char* name;
  const char* request_type;
  Dict asked;
  const char* error;
};
class WrongCommand : public testing::TestWithParam<Wrong> {};

// covers: seed.05
TEST_P(WrongCommand, IsRefusedWithEveryPathThatIsWrong) {
  EXPECT_EQ(error_of(build_command(GetParam().request_type, GetParam().asked)), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    Builder, WrongCommand,
    testing::Values(
        Wrong{"Type",
              "MakeTea",
              {},
              "command.unknown_request_type \"MakeTea\" is not a command of Apple's schema: look at its "
              "spelling, or send the command as a plist, which is relayed as it is"},
        Wrong{"Missing", "InstallProfile", {}, "command.invalid InstallProfile: Payload is missing"},
        Wrong{"Several",
              "InstallApplication",
              {{"Options", Dict{{"PurchaseMethod", 7}, {"Speed", 1}}}, {"itunes_store_id", "1"}, {"Tea", 1}},
              "command.invalid InstallApplication: Options.PurchaseMethod has a value that is not allowed: 7 "
              "(allowed: 0, 1); Options.Speed is not a key of the schema; iTunesStoreID is of type string, "
              "should be integer; Tea is not a key of the schema"},
        Wrong{"Base64",
              "InstallProfile",
              {{"Payload", "not base64!"}},
              "command.invalid InstallProfile: Payload is no base64"},
        Wrong{"Twice",
              "InstallProfile",
              {{"Payload", "AQID"}, {"payload", "AQID"}},
              "command.invalid InstallProfile: Payload is there twice, under two names"},
        Wrong{"OtherSpelling",
              "InstallProfile",
              {{"PAYLOAD", "AQID"}},
              "command.invalid InstallProfile: PAYLOAD is not a key of the schema; Payload is missing"},
        Wrong{"Control",
              "RemoveProfile",
              {{"Identifier", "a\x01"}},
              "command.invalid RemoveProfile: Identifier has a control character"},
        Wrong{"Element",
              "DeviceInformation",
              {{"Queries", Array{"UDID", 5}}},
              "command.invalid DeviceInformation: Queries[1] is of type integer, should be string"},
        Wrong{"NoItem",
              "Settings",
              {{"Settings", Array{Dict{{"DeviceName", "A"}}}}},
              "command.invalid Settings: Settings[0].Item is missing"},
        Wrong{"OurKeys",
              "ProfileList",
              {{"UDID", "x"}, {"CommandUUID", "y"}},
              "command.invalid ProfileList: UDID is not a key of the schema; CommandUUID is not a key of the "
              "schema"}),
    [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace mooring::core
