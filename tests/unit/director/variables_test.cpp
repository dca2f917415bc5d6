// SPDX-License-Identifier: Apache-2.0
#include "director/variables.hpp"

#include <gtest/gtest.h>

#include "base/plist/plist.hpp"
#include "director/profile_document.hpp"

namespace mooring::director {
namespace {

plist::Dict with_text(const std::string& text) {
  const plist::Dict payload{{"PayloadType", "com.apple.wifi.managed"},
                            {"PayloadIdentifier", "com.example.wifi.payload"},
                            {"PayloadUUID", "B0E3C5B8-6E2D-4F59-9A57-3B0C5A1C7D11"},
                            {"PayloadVersion", 1},
                            {"Text", text}};
  return {{"PayloadType", "Configuration"},
          {"PayloadIdentifier", "com.example.wifi"},
          {"PayloadVersion", 1},
          {"PayloadContent", plist::Array(1, payload)}};
}

std::string text_in(const plist::Dict& profile) {
  return *profile.array("PayloadContent")->front().as<plist::Dict>()->string("Text");
}

using Names = std::vector<std::string>;

struct Case {
  const char* text;
  Names names;
  const char* filled;
};

const VariableValues kValues{{"fact.serial_number", "C02X"},
                             {"fact.udid", "U-1"},
                             {"fact.user_name", "anna"},
                             {"fact.device_name", "Anna's Mac"},
                             {"secret.wifi", "pa$$word ${SERIAL}"}};

// covers: state.D11
TEST(Variables, AreFoundAndFilledIn) {
  for (const auto& [text, names, filled] : {
           Case{"plain", {}, "plain"},
           Case{"$SERIAL", {"fact.serial_number"}, "C02X"},
           Case{"a-$SERIAL-b", {"fact.serial_number"}, "a-C02X-b"},
           Case{"${SERIAL}${UDID}", {"fact.serial_number", "fact.udid"}, "C02XU-1"},
           Case{"$USER@$DEVICE_NAME", {"fact.device_name", "fact.user_name"}, "anna@Anna's Mac"},
           Case{"${fact.user_name}", {"fact.user_name"}, "anna"},
           Case{"${secret.wifi}", {"secret.wifi"}, "pa$$word ${SERIAL}"},
           Case{"$$SERIAL costs $5 or 5$", {}, "$SERIAL costs $5 or 5$"},
           Case{"$$$SERIAL", {"fact.serial_number"}, "$C02X"},
           Case{"^[a-z]+$", {}, "^[a-z]+$"},
           Case{"$home ${open", {}, "$home ${open"},
           Case{"", {}, ""},
       }) {
    const auto profile = with_text(text);
    const auto use = find_variables(profile);
    ASSERT_TRUE(use) << text << ": " << use.error().message;
    EXPECT_EQ(use->names, names) << text;
    EXPECT_EQ(text_in(fill_in(profile, kValues)), filled) << text;
  }
}

TEST(Variables, ThatNobodyKnowsAreRefusedByName) {
  for (const auto* text : {"$SERAIL", "$HOME", "${fact.nonsense}", "${secret.}", "${secret.a b}", "${}",
                           "${fact.battery_level}", "$SERIAL_NUMBER"}) {
    const auto use = find_variables(with_text(text));
    ASSERT_FALSE(use) << text;
    EXPECT_EQ(use.error().code, "profile.unknown_variable") << text;
  }
  EXPECT_NE(find_variables(with_text("$ONE $TWO")).error().message.find("${ONE}, ${TWO}"), std::string::npos);
}

TEST(Variables, CannotNamePayloads) {
  auto profile = with_text("x");
  profile.set("PayloadIdentifier", "com.example.$SERIAL");
  ASSERT_FALSE(find_variables(profile));
  EXPECT_EQ(find_variables(profile).error().code, "profile.variable_in_name");
  profile.set("PayloadIdentifier", "com.example.$HOME");
  EXPECT_TRUE(find_variables(profile)) << "no variable, and taken as it is";
}

TEST(Variables, StandInNestedTextAndNeitherInKeysNorInData) {
  auto profile = with_text("x");
  profile.set("Nested", plist::Dict{{"$SERIAL", plist::Array{plist::Value("$UDID"), plist::Value(5)}},
                                    {"Data", plist::Data{"$SERIAL"}},
                                    {"PayloadIdentifier", "$UDID"}});
  EXPECT_EQ(find_variables(profile)->names, (Names{"fact.udid"}));
  const auto filled = fill_in(profile, kValues);
  const auto* nested = filled.dict("Nested");
  ASSERT_NE(nested, nullptr);
  ASSERT_NE(nested->array("$SERIAL"), nullptr);
  EXPECT_EQ(*nested->array("$SERIAL")->front().as<std::string>(), "U-1");
  EXPECT_EQ(nested->data("Data")->bytes, "$SERIAL");
  EXPECT_EQ(*nested->string("PayloadIdentifier"), "U-1") << "only of payloads is it a name";
}

TEST(Renderings, ChangeWithEachValueAndNameWhatIsMissing) {
  const Names names{"fact.serial_number", "secret.wifi"};
  const auto first = rendering_of(names, {{"fact.serial_number", "A"}, {"secret.wifi", "1"}});
  ASSERT_TRUE(first.hash);
  EXPECT_EQ(rendering_of(names, {{"fact.serial_number", "A"}, {"fact.udid", "?"}, {"secret.wifi", "1"}}).hash,
            first.hash)
      << "what is not used does not count";
  EXPECT_NE(rendering_of(names, {{"fact.serial_number", "A"}, {"secret.wifi", "2"}}).hash, first.hash);
  EXPECT_NE(rendering_of(names, {{"fact.serial_number", "B"}, {"secret.wifi", "1"}}).hash, first.hash);
  const auto missing = rendering_of(names, {{"fact.serial_number", "A"}});
  EXPECT_FALSE(missing.hash);
  EXPECT_EQ(missing.missing, "secret.wifi");
}

TEST(Renderings, NameTheirVersionAndTheirValues) {
  const auto version = crypto::Uuid::derived("test", "7");
  const auto one = rendered_identity(version, 0x0123456789ABCDEF);
  const auto other = rendered_identity(version, -5);
  EXPECT_EQ(one, rendered_identity(version, 0x0123456789ABCDEF));
  EXPECT_NE(one, other);
  EXPECT_TRUE(is_same_version(one.text(), other.text()));
  EXPECT_TRUE(is_same_version(one.text(), version.text()));
  EXPECT_FALSE(is_same_version(one.text(), crypto::Uuid::derived("test", "8").text()));
  EXPECT_EQ(crypto::Uuid::parse(one.text()), one);
  EXPECT_EQ(one.bytes.at(8) >> 6U, 2U) << "RFC 9562: the variant";
}

// covers: state.R2
TEST(ProfileDocuments, WithVariablesAreOtherContentThanTheSameTextWithout) {
  auto profile = with_text("$SERIAL");
  profile.set("PayloadUUID", "6F0B1C5E-0C9A-4B5B-8E55-0E6B4B1B2C11");
  const auto xml = plist::to_xml(profile);
  const auto filled = read_profile(xml);
  const auto plain = read_profile(xml, Variables::off);
  ASSERT_TRUE(filled && plain);
  EXPECT_EQ(filled->variables, (Names{"fact.serial_number"}));
  EXPECT_TRUE(filled->per_device);
  EXPECT_TRUE(plain->variables.empty());
  EXPECT_FALSE(plain->per_device);
  EXPECT_NE(filled->hash, plain->hash);
  EXPECT_FALSE(is_same_version(filled->payload_uuid.text(), plain->payload_uuid.text()));
}

}  // namespace
}  // namespace mooring::director
