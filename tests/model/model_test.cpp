// SPDX-License-Identifier: Apache-2.0
// Random stories, the same ones each time: README.md tells what they are and what must hold.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/model/runner.hpp"

namespace mooring::test {
namespace {

constexpr std::uint64_t kSeedsOfOneTest = 12;
constexpr std::uint64_t kSeedTests = MOORING_MODEL_SEED_TESTS;
constexpr std::uint64_t kRepeatedSeeds = 12;

class Model : public ::testing::TestWithParam<std::uint64_t> {};

// covers: state.D9, state.R9, state.R10, state.R13, state.R21
TEST_P(Model, EveryStoryConverges) {
  for (std::uint64_t i = 0; i < kSeedsOfOneTest; ++i) {
    const auto report = examine(make_story(GetParam() * kSeedsOfOneTest + i + 1));
    EXPECT_TRUE(report.empty()) << report;
    if (!report.empty()) return;  // one shrunk story at a time
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, Model, ::testing::Range(std::uint64_t{0}, kSeedTests));

// Each is a fault that a seed once found, or that no seed would meet in a day.
// covers: state.R23
TEST(ModelStory, WhatWentWrongOnceGoesWellNow) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(MOORING_SOURCE_DIR "/tests/model/stories")) {
    std::stringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    const auto story = read_story(text.str());
    ASSERT_TRUE(story) << entry.path() << ": " << story.error().message;
    for (const auto& problem : run_story(*story).problems) {
      ADD_FAILURE() << entry.path() << ": " << problem.check << ": " << problem.text;
    }
    ++count;
  }
  EXPECT_GT(count, 0);
}

TEST(ModelStory, TheSameSeedEndsInTheSameState) {
  for (std::uint64_t seed = 1; seed <= kRepeatedSeeds; ++seed) {
    const auto story = make_story(seed * 20);
    EXPECT_EQ(run_story(story).digest, run_story(story).digest) << "seed " << story.seed;
  }
}

TEST(ModelStory, TextIsReadBackAsItWasWritten) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const auto text = to_text(make_story(seed));
    const auto read = read_story(text);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(to_text(*read), text);
  }
  EXPECT_EQ(read_story("connect device=x\n").error().code, "story.malformed");
  EXPECT_EQ(read_story("fly device=1\n").error().code, "story.malformed");
}

}  // namespace
}  // namespace mooring::test
