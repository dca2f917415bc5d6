// SPDX-License-Identifier: Apache-2.0
#include "base/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

namespace mooring {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::Le;
using testing::Not;

const std::array kSpecs{
    OptionSpec{"device-listen", OptionType::text, "0.0.0.0:8443", "Where devices connect."},
    OptionSpec{"device-tls", OptionType::boolean, "on", "Whether devices speak TLS to this process."},
    OptionSpec{"workers", OptionType::integer, "4", "Threads for the database."},
    OptionSpec{"drain", OptionType::duration, "30s", "How long a stop waits for running requests."},
    OptionSpec{"body-limit", OptionType::size, "8MiB", "Largest body of a device."},
    OptionSpec{"log-format", OptionType::choice, "logfmt", "Form of log lines.", {"logfmt", "json"}},
    OptionSpec{
        "master-key", OptionType::text, "", "Encrypts what must not be read from the database.", {}, true},
};

using Texts = std::map<std::string, std::string>;

Result<Options> load(const Texts& flags, const Texts& environment = {}, const std::string& file = {}) {
  const auto look_up = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = environment.find(name);
    return found == environment.end() ? std::nullopt : std::optional(found->second);
  };
  return load_options(kSpecs, flags, look_up, file);
}

/// A configuration file of this test alone, gone with it.
class OptionsFile : public testing::Test {
 public:
  OptionsFile()
      : path(std::filesystem::temp_directory_path() /
             ("mooring-options-" + std::to_string(::getpid()) + ".yaml")) {}
  ~OptionsFile() override { std::filesystem::remove(path); }

 protected:
  Result<Options> load_text(std::string_view text, const Texts& flags = {}, const Texts& environment = {}) {
    std::ofstream(path, std::ios::trunc) << text;
    return load(flags, environment, path);
  }
  std::string error_of(std::string_view text) {
    const auto options = load_text(text);
    return options ? "no error" : options.error().message;
  }

  const std::string path;
};

TEST(Options, HaveTheirDefaults) {
  const auto options = load({});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->text("device-listen"), "0.0.0.0:8443");
  EXPECT_TRUE(options->boolean("device-tls"));
  EXPECT_EQ(options->integer("workers"), 4);
  EXPECT_EQ(options->duration("drain"), 30s);
  EXPECT_EQ(options->size("body-limit"), std::size_t{8} << 20U);
  EXPECT_EQ(options->text("log-format"), "logfmt");
  EXPECT_TRUE(options->is_default("workers"));
}

TEST_F(OptionsFile, FlagGoesBeforeEnvironmentBeforeFileBeforeDefault) {
  const auto options = load_text("workers: 2\ndrain: 2s\nbody-limit: 2KiB\n", {{"workers", "3"}},
                                 {{"MOORING_WORKERS", "5"}, {"MOORING_DRAIN", "5s"}});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->integer("workers"), 3);
  EXPECT_EQ(options->duration("drain"), 5s);
  EXPECT_EQ(options->size("body-limit"), 2048U);
  EXPECT_FALSE(options->is_default("body-limit"));
  EXPECT_TRUE(options->is_default("device-tls"));
}

TEST(Options, AnEmptyVariableCountsAsUnset) {
  const auto options = load({}, {{"MOORING_WORKERS", ""}});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->integer("workers"), 4);
}

TEST(Options, VariableNamesComeFromOptionNames) {
  EXPECT_EQ(environment_name("device-listen"), "MOORING_DEVICE_LISTEN");
}

struct ErrorCase {
  const char* name;
  const char* text;
  std::vector<std::string> says;
};
class OptionsFileError : public OptionsFile, public testing::WithParamInterface<ErrorCase> {};
TEST_P(OptionsFileError, SaysWhereAndWhatIsRight) {
  const auto message = error_of(GetParam().text);
  for (const auto& part : GetParam().says) EXPECT_THAT(message, HasSubstr(part));
  EXPECT_THAT(message, HasSubstr(path));
}
INSTANTIATE_TEST_SUITE_P(
    Kinds, OptionsFileError,
    testing::Values(
        ErrorCase{"Unknown",
                  "workers: 1\ndevice-listne: x\n",
                  {".yaml:2", "\"device-listne\"", "Did you mean device-listen?"}},
        ErrorCase{"Underscore", "device_tls: on\n", {"Did you mean device-tls?"}},
        ErrorCase{"FarOff", "completely-different: 1\n", {"See --help"}},
        ErrorCase{"Repeated",
                  "workers: 1\ndrain: 1s\nworkers: 1\n",
                  {"workers is given twice", ".yaml:1", ".yaml:3"}},
        ErrorCase{"List", "workers: [1, 2]\n", {"workers takes one value", ".yaml:1"}},
        ErrorCase{"Nested", "workers:\n  max: 2\n", {"workers takes one value"}},
        ErrorCase{"NoValue", "workers:\n", {"workers has no value"}},
        ErrorCase{"NoMap", "- workers\n", {"option: value"}},
        ErrorCase{"KeyIsAList", "? [a, b]\n: 1\n", {"must be plain text"}},
        ErrorCase{"TwoDocuments", "workers: 1\n---\nworkers: 2\n", {"more than one YAML document"}},
        ErrorCase{"NotYaml", "workers: 1\n  drain: [\n", {".yaml:2", "not YAML"}},
        ErrorCase{"Octal", "workers: 0x10\n", {"workers", ".yaml:1", "\"0x10\"", "a whole number"}},
        ErrorCase{"Boolean", "\n\ndevice-tls: maybe\n", {".yaml:3", "\"maybe\" is not true or false"}},
        ErrorCase{"Duration", "drain: 30\n", {"\"30\" is not a duration"}},
        ErrorCase{"Size", "body-limit: 8MB\n", {"\"8MB\" is not a size"}},
        ErrorCase{"Choice", "log-format: xml\n", {"\"xml\" is not one of logfmt, json"}},
        ErrorCase{"Nul", "device-listen: \"a\\0b\"\n", {"UTF-8 text without NUL"}}),
    [](const auto& info) { return info.param.name; });

TEST_F(OptionsFile, MayBeEmptyOrOnlyComments) {
  EXPECT_TRUE(load_text(""));
  EXPECT_TRUE(load_text("# nothing yet\n"));
}

TEST_F(OptionsFile, TakesScalarsAsTheyAreWritten) {
  const auto options = load_text("device-listen: \"yes\"\ndevice-tls: No\nworkers: 007\nmaster-key: 1e3\n");
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->text("device-listen"), "yes");
  EXPECT_FALSE(options->boolean("device-tls"));
  EXPECT_EQ(options->integer("workers"), 7);
  EXPECT_EQ(options->text("master-key"), "1e3");
}

TEST(Options, AFileThatIsNotThereIsNamed) {
  const auto options = load({}, {}, "/nowhere/mooring.yaml");
  ASSERT_FALSE(options);
  EXPECT_THAT(options.error().message,
              AllOf(HasSubstr("/nowhere/mooring.yaml"), HasSubstr("cannot be read")));
}

TEST(Options, ErrorsNameTheFlagOrTheVariable) {
  EXPECT_THAT(load({{"workers", "many"}}).error().message, HasSubstr("workers (--workers): \"many\" is not"));
  EXPECT_THAT(load({}, {{"MOORING_DRAIN", "soon"}}).error().message,
              HasSubstr("drain (MOORING_DRAIN): \"soon\""));
  EXPECT_THAT(load({{"worker", "1"}}).error().message, HasSubstr("Did you mean workers?"));
}

TEST(Options, AMistakeCountsEvenWhereAnotherSourceWins) {
  EXPECT_FALSE(load({{"workers", "1"}}, {{"MOORING_WORKERS", "many"}}));
}

TEST(Options, ASecretIsNeverShown) {
  const auto message = load({{"master-key", "hush\xff"}}).error().message;
  EXPECT_THAT(message, AllOf(HasSubstr("master-key"), Not(HasSubstr("hush"))));
}

struct DurationCase {
  const char* text;
  std::optional<std::chrono::milliseconds> value;
};
class ParseDuration : public testing::TestWithParam<DurationCase> {};
TEST_P(ParseDuration, Text) { EXPECT_EQ(parse_duration(GetParam().text), GetParam().value); }
INSTANTIATE_TEST_SUITE_P(
    Forms, ParseDuration,
    testing::Values(DurationCase{"250ms", 250ms}, DurationCase{"30s", 30s}, DurationCase{"15m", 15min},
                    DurationCase{"6h", 6h}, DurationCase{"7d", 168h}, DurationCase{"0s", 0s},
                    DurationCase{"", std::nullopt}, DurationCase{"30", std::nullopt},
                    DurationCase{"s", std::nullopt}, DurationCase{"-1s", std::nullopt},
                    DurationCase{"1.5s", std::nullopt}, DurationCase{"1 s", std::nullopt},
                    DurationCase{"1sec", std::nullopt}, DurationCase{"99999999999999999d", std::nullopt}));

struct SizeCase {
  const char* text;
  std::optional<std::size_t> value;
};
class ParseSize : public testing::TestWithParam<SizeCase> {};
TEST_P(ParseSize, Text) { EXPECT_EQ(parse_size(GetParam().text), GetParam().value); }
INSTANTIATE_TEST_SUITE_P(Forms, ParseSize,
                         testing::Values(SizeCase{"65536", 65536}, SizeCase{"64KiB", 65536},
                                         SizeCase{"8MiB", 8 << 20}, SizeCase{"2GiB", std::size_t{2} << 30U},
                                         SizeCase{"1TiB", std::size_t{1} << 40U}, SizeCase{"", std::nullopt},
                                         SizeCase{"KiB", std::nullopt}, SizeCase{"1KB", std::nullopt},
                                         SizeCase{"-1", std::nullopt},
                                         SizeCase{"99999999TiB", std::nullopt}));

TEST(OptionsHelp, IsAlignedAndWrappedAt100) {
  std::string long_help = "Many words:";
  for (int i = 0; i < 40; ++i) long_help += " word" + std::to_string(i);
  std::vector<OptionSpec> specs(kSpecs.begin(), kSpecs.end());
  specs.push_back({"an-option-with-quite-a-long-name-indeed", OptionType::duration, "1s", long_help});
  const auto help = options_help(specs);
  EXPECT_THAT(help, HasSubstr("  --device-listen TEXT  "));
  EXPECT_THAT(help, HasSubstr("  --log-format logfmt|json  Form of log lines. Default: logfmt\n"));
  EXPECT_THAT(help, HasSubstr("1s\n"));
  std::vector<std::size_t> lengths;
  for (std::size_t at = 0; at < help.size(); at = help.find('\n', at) + 1)
    lengths.push_back(help.find('\n', at) - at);
  EXPECT_THAT(lengths, Each(Le(100U)));
}

TEST(OptionsMarkdown, HasALineForEachOption) {
  const auto page = options_markdown(kSpecs);
  EXPECT_THAT(page, HasSubstr("# Configuration\n"));
  EXPECT_THAT(page, HasSubstr("| `device-listen` | `MOORING_DEVICE_LISTEN` | `TEXT` | `0.0.0.0:8443` | Where "
                              "devices connect. |\n"));
  EXPECT_THAT(page, HasSubstr("| `log-format` | `MOORING_LOG_FORMAT` | `logfmt\\|json` | `logfmt` |"));
}

}  // namespace
}  // namespace mooring
