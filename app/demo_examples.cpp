// SPDX-License-Identifier: Apache-2.0
#include "app/demo_examples.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <span>
#include <string_view>
#include <utility>

#include "base/embedded_file.hpp"
#include "base/plist/plist.hpp"

namespace mooring::app {

namespace examples {
std::span<const EmbeddedFile> embedded_files();  // Generated from examples/*.mobileconfig.
}  // namespace examples

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".mobileconfig";

using Files = std::vector<std::pair<std::string, std::string>>;  // stem, content

std::unexpected<Error> bad_examples(std::string why) {
  return fail(Failure::invalid, "demo.examples", std::move(why));
}

Files compiled_in() {
  Files files;
  for (const auto& file : examples::embedded_files()) {
    files.emplace_back(file.name.substr(0, file.name.size() - kSuffix.size()), file.content);
  }
  return files;
}

Result<Files> files_of(const fs::path& directory) {
  Files files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (entry.path().extension() != kSuffix) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    files.emplace_back(entry.path().stem().string(), std::string(std::istreambuf_iterator<char>(in), {}));
  }
  if (error) return bad_examples(fmt::format("cannot read {}: {}", directory.string(), error.message()));
  std::ranges::sort(files);
  return files;
}

Result<Example> read_example(const std::string& stem, const std::string& content) {
  const auto profile = plist::parse_dict(content);
  const auto* identifier = profile ? profile->string("PayloadIdentifier") : nullptr;
  if (identifier == nullptr) {
    return bad_examples(fmt::format("{}{} is no profile: {}", stem, kSuffix,
                                    profile ? "it has no PayloadIdentifier" : profile.error().message));
  }
  return Example{.name = stem, .identifier = *identifier, .content = content};
}

/// Takes ".KIND" off the end of a name; false where it does not end so.
bool take_kind(std::string& name, std::string_view kind) {
  if (!name.ends_with(kind) || name.size() == kind.size()) return false;
  name.resize(name.size() - kind.size());
  return true;
}

/// Where no file says what a profile changes to: the same with another description.
Example another_version(const Example& example) {
  auto profile = plist::parse_dict(example.content).value_or(plist::Dict{});
  profile.set("PayloadDescription", "The next version of " + example.name);
  return {
      .name = example.name, .identifier = example.identifier, .content = plist::to_xml(std::move(profile))};
}

}  // namespace

Result<Examples> load_examples(const std::string& directory) {
  const auto files = directory.empty() ? Result<Files>(compiled_in()) : files_of(directory);
  if (!files) return std::unexpected(files.error());
  Examples examples;
  std::optional<Example> next;
  for (const auto& [stem, content] : *files) {
    auto example = read_example(stem, content);
    if (!example) return std::unexpected(example.error());
    if (take_kind(example->name, ".next")) {
      next = std::move(*example);
    } else if (take_kind(example->name, ".one")) {
      example->name += "-one";
      examples.single = std::move(*example);
    } else if (take_kind(example->name, ".some")) {
      examples.some.push_back(std::move(*example));
    } else {
      examples.shared.push_back(std::move(*example));
    }
  }
  if (examples.shared.empty())
    return bad_examples("there is no NAME.mobileconfig for all devices in " + directory);
  const auto known = [&](const Example& shared) { return next && shared.name == next->name; };
  const bool usable = std::ranges::any_of(examples.shared, known);
  examples.next = usable ? std::move(*next) : another_version(examples.shared.front());
  return examples;
}

}  // namespace mooring::app
