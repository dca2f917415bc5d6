// SPDX-License-Identifier: Apache-2.0
#include "core/ddm/declaration.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/ddm/status_report.hpp"

namespace mooring::core::ddm::declaration_test {
namespace {

using Json = nlohmann::json;

std::string code_of(const auto& result) { return result ? "" : result.error().code; }

std::string passcode(const std::string& identifier = "passcode", int length = 8) {
  return Json{{"Type", "com.apple.configuration.passcode.settings"},
              {"Identifier", identifier},
              {"Payload", {{"MinimumLength", length}}}}
      .dump();
}

// covers: mdm.C10
TEST(Declarations, GetATokenThatFollowsTheirContentAndNothingElse) {
  const auto first = read_declaration(passcode());
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->kind, DeclarationKind::configuration);
  EXPECT_EQ(first->identifier, "passcode");
  EXPECT_EQ(first->server_token.size(), 64U) << "as many bytes as Apple allows";
  const auto document = Json::parse(first->document);
  EXPECT_EQ(document["ServerToken"], first->server_token);
  EXPECT_EQ(document["Payload"]["MinimumLength"], 8);
  EXPECT_EQ(document.size(), 4U);
  const auto same = read_declaration(
      "{ \"Payload\": {\"MinimumLength\": 8},\n\"ServerToken\": \"theirs\", \"Identifier\":\"passcode\","
      "\"Type\":\"com.apple.configuration.passcode.settings\"}");
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_EQ(same->server_token, first->server_token);
  EXPECT_NE(read_declaration(passcode("passcode", 9))->server_token, first->server_token);
  EXPECT_NE(read_declaration(passcode("other"))->server_token, first->server_token);
}

TEST(Declarations, HaveTheKindThatTheirTypeNames) {
  for (const auto& [type, name] : {std::pair{"com.apple.activation.simple", "activation"},
                                   {"com.apple.asset.data", "asset"},
                                   {"com.apple.configuration.legacy", "configuration"},
                                   {"com.apple.management.test", "management"}}) {
    const auto declaration =
        read_declaration(Json{{"Type", type}, {"Identifier", "i"}, {"Payload", Json::object()}}.dump());
    ASSERT_TRUE(declaration) << type;
    EXPECT_EQ(name_of(declaration->kind), name);
    EXPECT_EQ(declaration_kind_named(name), declaration->kind);
  }
  EXPECT_EQ(declaration_kind_named("configurations"), std::nullopt);
}

TEST(Declarations, AreRefusedWhereADeviceCouldNotUseThem) {
  const auto with = [](const char* key, const Json& value) {
    Json object = Json::parse(passcode());
    object[key] = value;
    return code_of(read_declaration(object.dump()));
  };
  EXPECT_EQ(with("Type", "com.example.configuration.x"), "declaration.type");
  EXPECT_EQ(with("Type", "com.apple.configuration."), "declaration.type");
  EXPECT_EQ(with("Type", 5), "declaration.type");
  EXPECT_EQ(with("Identifier", ""), "declaration.identifier");
  EXPECT_EQ(with("Identifier", std::string(65, 'x')), "declaration.identifier");
  EXPECT_EQ(with("Identifier", std::string("a\0b", 3)), "declaration.identifier");
  EXPECT_EQ(with("Identifier", std::string(64, 'x')), "");
  EXPECT_EQ(with("Payload", Json::array()), "declaration.malformed");
  EXPECT_EQ(with("Payloads", Json::object()), "declaration.malformed");
  EXPECT_EQ(code_of(read_declaration("[]")), "declaration.malformed");
  EXPECT_EQ(code_of(read_declaration("{")), "declaration.malformed");
  EXPECT_EQ(code_of(read_declaration("{\"Type\":\"\xFF\"}")), "declaration.malformed");
  std::string deep = "{\"Payload\":";
  for (int i = 0; i < 100000; ++i) deep += "[";
  EXPECT_EQ(code_of(read_declaration(deep)), "declaration.malformed");
}

// covers: mdm.C10
TEST(AManifest, ListsEachKindAndHasOneTokenForOneContent) {
  const auto one = read_declaration(passcode("a")).value();
  const auto two = read_declaration(passcode("b", 9)).value();
  const auto activation = read_declaration(Json{{"Type", "com.apple.activation.simple"},
                                                {"Identifier", "c"},
                                                {"Payload", {{"StandardConfigurations", {"a", "b"}}}}}
                                               .dump())
                              .value();
  const auto manifest = make_manifest(std::array{two, activation, one}).value();
  EXPECT_EQ(make_manifest(std::array{one, two, activation})->token, manifest.token);
  EXPECT_NE(make_manifest(std::array{one, two})->token, manifest.token);
  const auto json = Json::parse(manifest.document);
  EXPECT_EQ(json["DeclarationsToken"], manifest.token);
  EXPECT_EQ(json["Declarations"]["Configurations"],
            (Json{{{"Identifier", "a"}, {"ServerToken", one.server_token}},
                  {{"Identifier", "b"}, {"ServerToken", two.server_token}}}));
  EXPECT_EQ(json["Declarations"]["Activations"].size(), 1U);
  EXPECT_EQ(json["Declarations"]["Assets"], Json::array());
  EXPECT_EQ(json["Declarations"]["Management"], Json::array());
  EXPECT_EQ(code_of(make_manifest(std::array{one, one})), "declaration.duplicate");
}

TEST(Tokens, AreThoseOfAppleWithATimeInWholeSeconds) {
  const Time at{std::chrono::microseconds{1'793'000'000'123'456}};
  EXPECT_EQ(Json::parse(tokens_document("abc", at)),
            (Json{{"SyncTokens", {{"DeclarationsToken", "abc"}, {"Timestamp", "2026-10-26T07:33:20Z"}}}}));
}

TEST(StatusReports, SayWhetherTheyAreWholeAndWhatBecameOfTheDeclarations) {
  auto report =
      read_status_report(R"({"StatusItems": {"device": {"model": {"family": "Mac"}}}, "Errors": []})");
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->full);
  EXPECT_EQ(report->declarations, std::nullopt);
  report = read_status_report(
      R"({"StatusItems": {"management": {"declarations": {"activations": []}}}, "Errors": [], "FullReport": true})");
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->full);
  EXPECT_EQ(report->declarations, R"({"activations":[]})");
  for (const char* odd : {R"({})", R"({"StatusItems": 5})", R"({"StatusItems": {"management": []}})",
                          R"({"StatusItems": {"management": {"declarations": 1}}, "FullReport": "yes"})"}) {
    report = read_status_report(odd);
    ASSERT_TRUE(report) << odd;
    EXPECT_FALSE(report->full);
    EXPECT_EQ(report->declarations, std::nullopt);
  }
  for (const char* broken : {"", "[]", "{", "\"text\"", "{\"a\": \"\xFF\"}"}) {
    EXPECT_EQ(code_of(read_status_report(broken)), "declaration_status.malformed") << broken;
  }
  EXPECT_EQ(code_of(read_status_report(std::string(100000, '['))), "declaration_status.malformed");
  EXPECT_EQ(code_of(read_status_report(std::string((4U << 20U) + 1, ' '))), "declaration_status.too_large");
}

TEST(ShallowJson, CountsBracketsOutsideOfTexts) {
  EXPECT_TRUE(is_shallow("{\"a\": \"" + std::string(1000, '[') + "\\\"[[\"}"));
  EXPECT_TRUE(is_shallow("[[]][[]]"));
  EXPECT_FALSE(is_shallow(std::string(65, '[')));
  EXPECT_TRUE(is_shallow(std::string(64, '[')));
}

}  // namespace
}  // namespace mooring::core::ddm::declaration_test
