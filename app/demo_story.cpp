// SPDX-License-Identifier: Apache-2.0
#include "app/demo_story.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mooring::app {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr std::size_t kSingleDevice = 0;
constexpr std::size_t kNamedAtMost = 3;

double seconds_since(steady_clock::time_point begin) {
  return std::chrono::duration<double>(steady_clock::now() - begin).count();
}

}  // namespace

DemoStory::DemoStory(DemoStage& stage, Examples examples) : stage_(stage), examples_(std::move(examples)) {}

bool DemoStory::tell() {
  const auto& once = stage_.options().once;
  const seconds limit(stage_.options().timeout_seconds);
  deadline_ = steady_clock::now() + limit;
  struct Scene {
    std::string title;
    Result<> (DemoStory::*act)();
  };
  std::vector<Scene> scenes{
      {fmt::format("{} devices enroll", stage_.fleet().size()), &DemoStory::declare_and_enroll},
      {"users remove a profile on every fifth device", &DemoStory::users_remove},
      {fmt::format("profile {} changes", examples_.next.name), &DemoStory::change_profile}};
  if (examples_.single) {
    scenes.push_back(
        {fmt::format("the exception {} ends", examples_.single->name), &DemoStory::end_exception});
  }
  for (const auto& scene : scenes) {
    if (!once) deadline_ = steady_clock::now() + limit;
    if (!step(scene.title, scene.act) && (once || stage_.stopping())) return false;
  }
  const bool all = std::ranges::all_of(steps_, &Step::converged);
  return all && stage_.fleet().account().doubled == 0;
}

bool DemoStory::step(const std::string& title, Result<> (DemoStory::*act)()) {
  stage_.screen().say(fmt::format("{}. {}", steps_.size() + 1, title));
  const auto begin = steady_clock::now();
  const auto done = (this->*act)();
  if (!done) stage_.screen().say("   did not work: " + done.error().message);
  const bool good = done && stage_.wait_for([this] { return converged(); }, deadline_,
                                            fmt::format("step {}: {}", steps_.size() + 1, title));
  steps_.push_back({.title = title, .converged = good, .seconds = seconds_since(begin)});
  if (good) {
    stage_.screen().say(
        fmt::format("   converged in {:.1f} s: each device's own store is as declared, and the server "
                    "reports no drift",
                    steps_.back().seconds));
  } else if (!stage_.stopping()) {
    explain();
  }
  return good;
}

// ---- what happens
// --------------------------------------------------------------------------------------------

Result<std::string> DemoStory::declare(const Example& example) {
  return stage_.insist([&] { return stage_.client().put_profile(example.name, example.content); }, deadline_);
}

Result<> DemoStory::declare_shared() {
  for (const auto& example : examples_.shared) {
    auto uuid = declare(example);
    if (!uuid) return std::unexpected(uuid.error());
    const auto assigned =
        stage_.insist([&] { return stage_.client().assign(example.name, "all"); }, deadline_);
    if (!assigned) return std::unexpected(assigned.error());
    shared_[example.identifier] = std::move(*uuid);
  }
  return {};
}

Result<> DemoStory::declare_some() {
  for (const auto& example : examples_.some) {
    const auto uuid = declare(example);
    if (!uuid) return std::unexpected(uuid.error());
    for (const auto index : every(10, 3)) {
      const auto scope = "device:" + stage_.fleet().serial_number(index);
      const auto assigned =
          stage_.insist([&] { return stage_.client().assign(example.name, scope); }, deadline_);
      if (!assigned) return std::unexpected(assigned.error());
      exceptions_[index][example.identifier] = *uuid;
    }
  }
  return {};
}

Result<> DemoStory::declare_single() {
  if (!examples_.single) return {};
  const auto& example = *examples_.single;
  auto uuid = declare(example);
  if (!uuid) return std::unexpected(uuid.error());
  const auto scope = "device:" + stage_.fleet().serial_number(kSingleDevice);
  const auto assigned = stage_.insist([&] { return stage_.client().assign(example.name, scope); }, deadline_);
  if (!assigned) return std::unexpected(assigned.error());
  single_assignment_ = *assigned;
  exceptions_[kSingleDevice][example.identifier] = std::move(*uuid);
  return {};
}

Result<> DemoStory::declare_and_enroll() {
  for (auto part : {&DemoStory::declare_shared, &DemoStory::declare_some, &DemoStory::declare_single}) {
    if (auto declared = (this->*part)(); !declared) return declared;
  }
  stage_.screen().say(fmt::format("   {} profiles are declared for all devices, {} for a few, {} for one",
                                  examples_.shared.size(), examples_.some.size(), examples_.single ? 1 : 0));
  stage_.screen().say(
      "   each device enrolls by profile, gets a certificate by SCEP, and signs what it says");
  return stage_.start_fleet();
}

Result<> DemoStory::users_remove() {
  const auto removed = stage_.fleet().users_remove_profile(every(5, 2));
  stage_.screen().say(
      fmt::format("   {} profiles are gone; the server learns it from the devices' next lists", removed));
  return {};
}

Result<> DemoStory::change_profile() {
  auto uuid = declare(examples_.next);
  if (!uuid) return std::unexpected(uuid.error());
  shared_[examples_.next.identifier] = std::move(*uuid);
  return {};
}

Result<> DemoStory::end_exception() {
  const auto ended =
      stage_.insist([&] { return stage_.client().end_assignment(single_assignment_); }, deadline_);
  if (!ended) return ended;
  exceptions_[kSingleDevice].erase(examples_.single->identifier);
  return {};
}

std::vector<std::size_t> DemoStory::every(std::size_t nth, std::size_t from) const {
  std::vector<std::size_t> chosen;
  for (std::size_t i = from; i < stage_.fleet().size(); i += nth) chosen.push_back(i);
  return chosen;
}

// ---- how it is judged
// ----------------------------------------------------------------------------------------

const Holdings& DemoStory::expected(std::size_t index) const {
  const auto found = special_.find(index);
  return found == special_.end() ? shared_ : found->second;
}

bool DemoStory::converged() {
  special_.clear();
  for (const auto& [index, difference] : exceptions_) {
    special_[index] = shared_;
    for (const auto& [identifier, uuid] : difference) special_[index][identifier] = uuid;
  }
  std::int64_t desired = 0;
  const auto devices = stage_.fleet().size();
  for (std::size_t i = 0; i < devices; ++i) desired += static_cast<std::int64_t>(expected(i).size());
  const auto drift = stage_.client().drift();
  if (!drift || drift->drifted != 0 || drift->failed != 0 || drift->desired != desired) return false;
  if (drift->verified != desired || std::cmp_not_equal(drift->enrolled, devices)) return false;
  return stage_.fleet()
      .differing([this](std::size_t i) -> const Holdings& { return expected(i); }, 1)
      .empty();
}

void DemoStory::explain() {
  auto& screen = stage_.screen();
  screen.say("   did not converge in time");
  if (const auto drift = stage_.client().drift()) {
    screen.say(fmt::format("   the server says: {} enrolled, {} desired, {} verified, {} drifted, {} failed",
                           drift->enrolled, drift->desired, drift->verified, drift->drifted, drift->failed));
  }
  const auto wrong = stage_.fleet().differing(
      [this](std::size_t i) -> const Holdings& { return expected(i); }, stage_.fleet().size());
  screen.say(fmt::format("   {} devices hold something else than declared", wrong.size()));
  for (std::size_t i = 0; i < std::min(wrong.size(), kNamedAtMost); ++i) {
    screen.say("     " + stage_.fleet().serial_number(wrong[i]));
  }
  if (const auto fleet = stage_.fleet().snapshot(); !fleet.last_failure.empty()) {
    screen.say("   the last failure that a device saw: " + fleet.last_failure);
  }
}

void DemoStory::summarise() {
  auto& screen = stage_.screen();
  stage_.let_screen_catch_up();
  screen.keep_table();
  const bool all = std::ranges::all_of(steps_, &Step::converged);
  screen.say("");
  screen.say(all ? "Everything converged." : "Not everything converged.");
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const auto took = steps_[i].converged ? fmt::format("{:.1f} s", steps_[i].seconds) : "not in time";
    screen.say(fmt::format("  {}. {:<52} {:>12}", i + 1, steps_[i].title, took));
  }
  const auto account = stage_.fleet().account();
  screen.say("");
  screen.say(
      fmt::format("Installations: {} reasons (a version declared for a device, or its user removed it), {} "
                  "InstallProfile commands that devices executed, {} more than there were reasons.",
                  account.reasons, account.commands, account.doubled));
  screen.say(
      fmt::format("  {} of them ran again under their old CommandUUID, because the answer never arrived.",
                  account.repeated));
  if (stage_.restarts() > 0) {
    screen.say(fmt::format("  The server died {} times on the way.", stage_.restarts()));
  }
  const auto& directory = stage_.directory();
  screen.say("");
  screen.say(fmt::format("  API      {}/v1", stage_.client().url()));
  screen.say(fmt::format("  metrics  {}/metrics", stage_.client().url()));
  screen.say(fmt::format("  log      {}", directory.server_log().string()));
  screen.say(fmt::format("  data     {}", directory.server_data().string()));
}

void DemoStory::stay() {
  auto& screen = stage_.screen();
  screen.say("");
  screen.say("The server and its devices stay up until Ctrl-C. In another terminal:");
  screen.say(fmt::format("  . {}        # sets MOORING_API, MOORING_TOKEN and MOORING_DEVICE",
                         stage_.directory().environment().string()));
  screen.say("  curl -sH \"Authorization: Bearer $MOORING_TOKEN\" $MOORING_API/v1/drift");
  screen.say("README.md has ten more commands to try.");
  std::size_t turn = 0;
  while (!stage_.stopping()) {
    stage_.wait_for([this, wanted = false]() mutable { return wanted = wanted || stage_.users_wanted(); },
                    Instant::max(), "");
    if (stage_.stopping()) return;
    const auto removed = stage_.fleet().users_remove_profile(every(5, turn++ % 5));
    screen.say(fmt::format("{} users removed a profile.", removed));
  }
}

}  // namespace mooring::app
