// SPDX-License-Identifier: Apache-2.0
#include "reconciler/item_state.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace mooring::reconciler {
namespace {

std::set<std::string> quoted(const std::string& text) {
  std::set<std::string> words;
  for (auto begin = text.find('`'); begin != std::string::npos;) {
    const auto end = text.find('`', begin + 1);
    words.insert(text.substr(begin + 1, end - begin - 1));
    begin = text.find('`', end + 1);
  }
  return words;
}

/// The rows of the table under "may become" in docs/reconciler.md.
std::map<std::string, std::set<std::string>> documented_steps() {
  std::ifstream file(MOORING_SOURCE_DIR "/docs/reconciler.md");
  std::map<std::string, std::set<std::string>> steps;
  bool in_table = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| from | may become")) in_table = true;
    if (!in_table) continue;
    if (line.empty()) break;
    const auto middle = line.find('|', 1);
    for (const auto& from : quoted(line.substr(0, middle))) steps[from] = quoted(line.substr(middle));
  }
  return steps;
}

TEST(ItemStates, FollowEachOtherAsTheDocumentationSays) {
  const auto documented = documented_steps();
  ASSERT_EQ(documented.size(), static_cast<std::size_t>(kLastItemState) + 1);
  for (std::int16_t from = 0; from <= static_cast<std::int16_t>(kLastItemState); ++from) {
    std::set<std::string> allowed;
    for (std::int16_t to = 0; to <= static_cast<std::int16_t>(kLastItemState); ++to) {
      if (may_follow(ItemState{from}, ItemState{to})) allowed.emplace(name_of(ItemState{to}));
    }
    const std::string name(name_of(ItemState{from}));
    ASSERT_TRUE(documented.contains(name)) << name;
    EXPECT_EQ(documented.at(name), allowed) << name;
  }
}

TEST(ItemStates, EachHasAWayOut) {
  for (std::int16_t from = 0; from <= static_cast<std::int16_t>(kLastItemState); ++from) {
    const bool starts_over = may_follow(ItemState{from}, ItemState::pending);
    EXPECT_TRUE(starts_over || from == static_cast<std::int16_t>(ItemState::pending))
        << name_of(ItemState{from}) << ": a new version starts over from any state";
  }
}

TEST(Reasons, HaveWordsOfTheirOwn) {
  std::set<std::string_view> texts;
  for (std::int16_t number = 1; number <= static_cast<std::int16_t>(kLastReason); ++number) {
    EXPECT_NE(text_of(Reason{number}), "") << number;
    EXPECT_TRUE(texts.insert(text_of(Reason{number})).second) << number;
  }
  EXPECT_EQ(text_of(Reason::none), "");
  EXPECT_EQ(text_of(Reason{99}), "") << "of a newer server";
  EXPECT_EQ(sentence_of(Reason::waits_for_item, "wifi"), "waiting for another item: wifi");
  EXPECT_EQ(sentence_of(Reason::none, ""), "");
}

}  // namespace
}  // namespace mooring::reconciler
