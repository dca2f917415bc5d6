// SPDX-License-Identifier: Apache-2.0
#include "reconciler/words.hpp"

#include <gtest/gtest.h>

#include <set>

namespace mooring::reconciler {
namespace {

constexpr RecordIntent kIntents[] = {RecordIntent::ended, RecordIntent::absent, RecordIntent::present};

// covers: state.N7
TEST(Words, EachStateHasAMeaningAndANextStep) {
  std::set<std::string_view> meanings;
  for (int number = 0; number <= static_cast<int>(kLastItemState); ++number) {
    const auto state = static_cast<ItemState>(number);
    for (const auto intent : kIntents) EXPECT_GT(meaning_of(state, intent).size(), 20U) << name_of(state);
    meanings.insert(meaning_of(state, RecordIntent::present));
    EXPECT_GT(next_step_of(state).size(), 10U) << name_of(state);
  }
  EXPECT_EQ(meanings.size(), static_cast<std::size_t>(kLastItemState) + 1) << "two states with one meaning";
  EXPECT_NE(meaning_of(ItemState::verified, RecordIntent::present),
            meaning_of(ItemState::verified, RecordIntent::absent));
}

// covers: state.N7
TEST(Words, EachReasonHasASentenceOfItsOwn) {
  std::set<std::string_view> texts;
  for (int number = 1; number <= static_cast<int>(kLastReason); ++number) {
    const auto text = text_of(static_cast<Reason>(number));
    EXPECT_GT(text.size(), 5U) << number;
    EXPECT_TRUE(texts.insert(text).second) << text;
  }
}

}  // namespace
}  // namespace mooring::reconciler
