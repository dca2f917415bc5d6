// SPDX-License-Identifier: Apache-2.0
// `mooring profiles` as a person runs it, on a real server with a fleet.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/e2e/installation.hpp"

namespace mooring::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::size_t kVerbDevices = 12;
constexpr const char* kVerbIdentifier = "com.example.verb";

struct VerbRan {
  int status = 0;
  std::string output;  ///< Both streams.
};

struct Profiles : ::testing::Test {
  Profiles() {
    std::string pattern = (fs::temp_directory_path() / "mooring-verb-XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
    mooring.start_server();
    mooring.start_fleet(kVerbDevices, {});
    std::ofstream(directory / "token") << mooring.token() << "\n";
  }
  ~Profiles() override { fs::remove_all(directory); }

  VerbRan run(const std::string& arguments) {
    const auto line = fmt::format("cd {} && {} profiles {} --api {} --token-file token 2>&1",
                                  directory.string(), MOORING_BINARY, arguments, mooring.api_url());
    VerbRan ran;
    FILE* pipe = ::popen(line.c_str(), "r");  // NOLINT(cert-env33-c): the commands are the test's own
    std::array<char, 4096> buffer{};
    while (const auto count = std::fread(buffer.data(), 1, buffer.size(), pipe))
      ran.output.append(buffer.data(), count);
    const int status = ::pclose(pipe);
    ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return ran;
  }
  std::size_t holders() {
    std::size_t count = 0;
    for (std::size_t i = 0; i < kVerbDevices; ++i) {
      mooring.fleet().with_device(
          i, [&](simulator::Device& device) { count += device.profile(kVerbIdentifier) == nullptr ? 0 : 1; });
    }
    return count;
  }

  Installation mooring;
  fs::path directory;
};

// covers: seed.26
TEST_F(Profiles, AreDeclaredListedAndDeletedFromTheCommandLine) {
  std::ofstream(directory / "verb.mobileconfig") << profile(kVerbIdentifier);
  auto ran = run("put verb.mobileconfig --name verb --scope all");
  ASSERT_EQ(ran.status, 0) << ran.output;
  EXPECT_THAT(ran.output, HasSubstr("verb  declared"));
  EXPECT_TRUE(mooring.wait([&] { return holders() == kVerbDevices; }));
  EXPECT_TRUE(
      mooring.wait([&] { return mooring.verified_devices() == static_cast<std::int64_t>(kVerbDevices); }));
  EXPECT_THAT(run("put verb.mobileconfig --name verb").output, HasSubstr("verb  unchanged"));
  ran = run("list");
  EXPECT_EQ(ran.status, 0);
  EXPECT_THAT(ran.output, HasSubstr(kVerbIdentifier));
  EXPECT_THAT(run("show verb").output, HasSubstr("\"identifier\": \"com.example.verb\""));
  EXPECT_THAT(run("show verb --content").output, HasSubstr("<plist"));

  ran = run("delete verb");
  EXPECT_EQ(ran.status, 1) << "it would go from the whole fleet";
  const auto at = ran.output.find("confirm=");
  ASSERT_NE(at, std::string::npos) << ran.output;
  const auto confirm = ran.output.substr(at + 8, ran.output.find(' ', at) - at - 8);
  ran = run("delete verb --confirm " + confirm);
  EXPECT_EQ(ran.status, 0) << ran.output;
  EXPECT_TRUE(mooring.wait([&] { return holders() == 0; })) << "each device that held it has lost it";
  EXPECT_THAT(run("list").output, Not(HasSubstr(kVerbIdentifier)));
}

TEST_F(Profiles, SayWhatIsWrong) {
  EXPECT_THAT(run("put none.mobileconfig").output, HasSubstr("cannot read none.mobileconfig"));
  EXPECT_EQ(run("delete none").status, 1);
  EXPECT_THAT(run("show none").output, HasSubstr("404"));
  EXPECT_EQ(run("put").status, 2);
}

}  // namespace
}  // namespace mooring::test
