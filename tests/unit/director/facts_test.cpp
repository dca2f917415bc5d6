// SPDX-License-Identifier: Apache-2.0
#include "director/facts.hpp"

#include <gtest/gtest.h>

#include "base/plist/plist.hpp"
#include "director/inventory.hpp"
#include "schema/schema.hpp"

namespace mooring::director {
namespace {

const schema::Key* find_path(const schema::Key& from, std::string_view path) {
  const auto dot = path.find('.');
  const auto* key = from.find(path.substr(0, dot));
  return key == nullptr || dot == std::string_view::npos ? key : find_path(*key, path.substr(dot + 1));
}

FactType type_of(schema::Type type) {
  switch (type) {
    case schema::Type::boolean:
      return FactType::boolean;
    case schema::Type::integer:
    case schema::Type::real:
      return FactType::number;
    case schema::Type::date:
      return FactType::time;
    default:
      return FactType::text;
  }
}

// covers: mdm.D03
TEST(Facts, KeysAndTypesAreThoseOfApplesSchema) {
  const auto& apple = schema::Schema::apple();
  const auto& information = *apple.command("DeviceInformation")->response.find("QueryResponses");
  const auto& security = *apple.command("SecurityInfo")->response.find("SecurityInfo");
  for (const auto& name : fact_names()) {
    if (name.key.empty() || name.source == FactSource::outside) continue;
    const auto* key = find_path(name.source == FactSource::security ? security : information, name.key);
    ASSERT_NE(key, nullptr) << name.name;
    const auto type = name.type == FactType::version ? FactType::text : name.type;
    EXPECT_EQ(type, type_of(key->type)) << name.name;
  }
}

TEST(Facts, WhatHasAnotherTypeOrIsNotThereIsUnknown) {
  Facts facts;
  facts.add(FactSource::security, R"({"FDE_Enabled": "yes", "FirewallSettings": {"FirewallEnabled": true},
                                      "SecureBoot": 3, "IsSupervised": true})");
  EXPECT_EQ(facts.find("filevault"), nullptr);
  EXPECT_EQ(facts.find("secure_boot"), nullptr);
  EXPECT_EQ(facts.find("supervised"), nullptr) << "not what SecurityInfo tells";
  ASSERT_NE(facts.find("firewall"), nullptr);
  EXPECT_EQ(*facts.find("firewall"), FactValue(true));
  for (const auto* odd : {"", "[]", "3", "{\"FDE_Enabled\""}) {
    Facts nothing;
    nothing.add(FactSource::security, odd);
    EXPECT_TRUE(nothing.all().empty()) << odd;
  }
}

TEST(Facts, TextWithoutNulIsWhatPostgresqlGets) {
  const plist::Dict report{{"QueryResponses", plist::Dict{{"DeviceName", std::string("a\0b", 3)}}}};
  const auto json = facts_from_report(report);
  ASSERT_TRUE(json);
  EXPECT_EQ(json->find("u0000"), std::string::npos) << *json;
}

TEST(Facts, AListThatIsNotThereIsNoEvidence) {
  const plist::Dict empty{{"Status", "Acknowledged"}};
  EXPECT_FALSE(facts_from_report(empty));
  EXPECT_FALSE(security_from_report(empty));
  EXPECT_FALSE(certificates_from_report(empty));
  EXPECT_EQ(certificates_from_report({{"CertificateList", plist::Array{}}}).value(), "[]");
}

TEST(Facts, CertificatesInAnotherOrderAreTheSameAnswer) {
  const auto entry = [](const char* data) {
    return plist::Value(plist::Dict{{"CommonName", "x"}, {"Data", plist::Data{data}}, {"IsIdentity", false}});
  };
  const auto one = certificates_from_report({{"CertificateList", plist::Array{entry("a"), entry("b")}}});
  const auto other = certificates_from_report({{"CertificateList", plist::Array{entry("b"), entry("a")}}});
  EXPECT_EQ(one.value(), other.value());
}

}  // namespace
}  // namespace mooring::director
