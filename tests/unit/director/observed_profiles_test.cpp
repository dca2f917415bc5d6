// SPDX-License-Identifier: Apache-2.0
#include "director/observed_profiles.hpp"

#include <gtest/gtest.h>

namespace mooring::director {
namespace {

ObservedProfile named(std::string identifier) {
  return {.identifier = std::move(identifier), .uuid = "U", .display_name = "", .source = ""};
}

TEST(ObservedProfiles, AreKeptAndReadAgain) {
  const ObservedProfiles list({named("com.example.b"), named("com.example.a")});
  EXPECT_EQ(list.all().front().identifier, "com.example.a");
  EXPECT_EQ(ObservedProfiles::decode(list.encode()).all(), list.all());
  EXPECT_TRUE(ObservedProfiles::decode("").all().empty());
}

TEST(ObservedProfiles, FindEachOtherBesideTextWithControlCharacters) {
  const ObservedProfiles list({named("a\x01z"), named("a b"), named("a\nc\x1f")});
  const auto again = ObservedProfiles::decode(list.encode());
  EXPECT_EQ(again.all(), list.all());
  for (const char* identifier : {"a z", "a b", "a c "}) {
    EXPECT_NE(again.find(identifier), nullptr) << identifier;
    EXPECT_NE(list.find(identifier), nullptr) << identifier;
  }
}

}  // namespace
}  // namespace mooring::director
