// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/schema/shared.hpp"
#include "tools/schema/generate.hpp"

namespace mooring::schema {
namespace {

namespace fs = std::filesystem;

/// A folder with the four places that the generator reads, and one command in it.
class GeneratorTest : public testing::Test {
 protected:
  void SetUp() override {
    root = fs::path(testing::TempDir()) / ("schema-" + std::to_string(getpid()));
    for (const auto* folder : {"commands", "checkin", "errors", "profiles"})
      fs::create_directories(root / folder);
  }
  void TearDown() override { fs::remove_all(root); }

  Result<std::string> generate_from(const std::string& keys) {
    std::ofstream(root / "commands" / "x.yaml") << "payload:\n  requesttype: X\npayloadkeys:\n" << keys;
    return generate(root);
  }

  fs::path root;
};

TEST_F(GeneratorTest, WritesOneLineForEachKeyWithItsPathAndFacts) {
  const auto table = generate_from(
      "- key: List\n  type: <array>\n  presence: required\n  content: Prose that must not be copied.\n  "
      "subkeys:\n"
      "  - key: Item\n    type: <dictionary>\n    subkeys:\n"
      "    - key: Level\n      type: <integer>\n      presence: optional\n      rangelist: [1, 2]\n      "
      "default: 2\n"
      "      supportedOS:\n        macOS:\n          introduced: '14.0'\n        iOS:\n          introduced: "
      "n/a\n");
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_NE(table->find("command\tX\trequest\tList\tarray\trequired\t-\t-\t-\t-\n"), std::string::npos)
      << *table;
  EXPECT_NE(table->find("command\tX\trequest\tList[].Level\tinteger\toptional\t1|2\t-\t2\t"
                        "iOS:introduced=n/a macOS:introduced=14.0\n"),
            std::string::npos)
      << *table;
  EXPECT_EQ(table->find("Prose"), std::string::npos);
}

TEST_F(GeneratorTest, APayloadMayHaveAKeyWithASpaceInItsName) {
  std::ofstream(root / "profiles" / "com.apple.security.scep.yaml")
      << "payload:\n  payloadtype: com.apple.security.scep\npayloadkeys:\n"
         "- key: Key Usage\n  type: <integer>\n- key: ANY\n  type: <any>\n";
  std::ofstream(root / "profiles" / "com.example.other.yaml")
      << "payload:\n  payloadtype: com.example.other\n";
  const auto table = generate_from("- key: some name\n  type: <string>\n");
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_TRUE(table->contains("payload\tcom.apple.security.scep\trequest\tKey Usage\tinteger\t")) << *table;
  EXPECT_TRUE(table->contains("payload\tcom.apple.security.scep\trequest\t*\tany\t")) << *table;
  EXPECT_TRUE(table->contains("command\tX\trequest\t*\tstring\t")) << *table;
  EXPECT_FALSE(table->contains("com.example.other"));
}

TEST_F(GeneratorTest, AFactThatTheTableCannotSayIsAnErrorAndNotDropped) {
  const auto table = generate_from("- key: A\n  type: <string>\n  newfact: 1\n");
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().code, "schema.unexpected");
  EXPECT_NE(table.error().message.find("newfact"), std::string::npos);
}

TEST_F(GeneratorTest, AnUnknownTypeIsAnError) { EXPECT_FALSE(generate_from("- key: A\n  type: <colour>\n")); }

TEST_F(GeneratorTest, AMissingFolderIsNotFound) {
  const auto table = generate(root / "nowhere");
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().failure, Failure::not_found);
}

TEST(GeneratorDifference, NamesTheLinesThatDiffer) {
  EXPECT_EQ(difference("a\nb\n", "a\nb\n"), "");
  EXPECT_EQ(difference("a\nb\n", "a\nc\n"), "- b\n+ c\n");
  EXPECT_EQ(difference("a\nb\nc\n", "", 2), "- a\n- b\n... and 1 more lines\n");
}

TEST(GeneratorOnAppleSchema, TheCommittedTableIsCurrent) {
  const auto apple = test::shared() / "apple";
  if (!fs::is_directory(apple / "mdm")) GTEST_SKIP() << "Apple's schema files are not at " << apple;
  const auto table = generate(apple);
  ASSERT_TRUE(table) << table.error().message;
  const auto committed = test::read_file(fs::path(MOORING_SOURCE_DIR) / "schema" / "apple.tsv");
  EXPECT_EQ(difference(committed, *table), "") << "run schema_gen (tools/schema) and commit schema/apple.tsv";
}

}  // namespace
}  // namespace mooring::schema
