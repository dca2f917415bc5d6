// SPDX-License-Identifier: Apache-2.0
#include "app/demo_screen.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace mooring::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr std::size_t kBar = 20;
constexpr milliseconds kShortestGap{500};
constexpr seconds kGapWhileWaiting{5};
constexpr seconds kGapWhenQuiet{60};

struct Totals {
  std::int64_t desired = 0;
  std::int64_t verified = 0;
  std::int64_t drifted = 0;
  std::int64_t failed = 0;
};

Totals totals_of(const ServerNumbers& server) {
  Totals totals;
  for (const auto& item : server.items) {
    totals.desired += item.desired;
    totals.verified += item.verified;
    totals.drifted += item.drifted;
    totals.failed += item.failed;
  }
  return totals;
}

std::string bar_of(const ItemNumbers& item) {
  if (item.desired <= 0) return std::string(kBar, ' ');
  const auto part = static_cast<std::size_t>(std::clamp<std::int64_t>(
      item.verified * static_cast<std::int64_t>(kBar) / item.desired, 0, static_cast<std::int64_t>(kBar)));
  return std::string(part, '#') + std::string(kBar - part, '.');
}

/// The server knows it to the minute: the real age is at most this.
std::string age_of(double seconds) { return fmt::format("< {:.0f} min", std::floor(seconds / 60) + 1); }

std::string row_of(const ItemNumbers& item) {
  const auto oldest = item.drifted > 0 ? age_of(item.oldest_drift_seconds) : "-";
  return fmt::format("  {:<24.24} {:>7} {:>8} {:>7} {:>6} {:>12}  {}", item.name, item.desired, item.verified,
                     item.drifted, item.failed, oldest, bar_of(item));
}

std::string mean_of(const ServerNumbers& server) {
  if (server.converged == 0) return "-";
  return fmt::format("{:.1f} s", server.converged_seconds / static_cast<double>(server.converged));
}

winsize window() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) {
    size.ws_row = 24;
    size.ws_col = 80;
  }
  return size;
}

/// Green where everything is verified, yellow where something differs, red where something was given up.
const char* colour_of(const ItemNumbers& item) {
  if (item.failed > 0) return "\033[31m";
  return item.drifted > 0 ? "\033[33m" : "\033[32m";
}

}  // namespace

std::vector<std::string> table_of(const DemoView& view) {
  const auto& server = view.server;
  const auto& fleet = view.fleet;
  std::vector<std::string> lines;
  lines.push_back(fmt::format("  {:<24} {:>7} {:>8} {:>7} {:>6} {:>12}  {}", "profile", "desired", "verified",
                              "drifted", "failed", "oldest drift", "proven by the devices"));
  for (const auto& item : server.items) lines.push_back(row_of(item));
  lines.emplace_back();
  lines.push_back(fmt::format("  devices   {} of {} enrolled, {} sessions, {} pushes that woke one",
                              server.enrolled, fleet.devices, fleet.sessions, fleet.pushes));
  lines.push_back(fmt::format("  commands  {} queued, {} put off with NotNow; {} profiles installed so far",
                              server.queued, server.not_now, fleet.installs));
  lines.push_back(fmt::format("  moods     {} NotNow, {} lost answers, {} repeated reports", fleet.not_now,
                              fleet.lost_answers, fleet.duplicates));
  lines.push_back(fmt::format("  converge  {} from a declared change to the device's proof, on average",
                              mean_of(server)));
  lines.push_back(view.server_answers ? "  " + view.activity : "  the server does not answer");
  return lines;
}

std::string compact_line_of(const DemoView& view) {
  const auto totals = totals_of(view.server);
  if (!view.server_answers) return "the server does not answer";
  return fmt::format(
      "{} of {} enrolled, {} of {} verified, {} drifted, {} failed, {} queued, {} NotNow, {} installed",
      view.server.enrolled, view.fleet.devices, totals.verified, totals.desired, totals.drifted,
      totals.failed, view.server.queued, view.server.not_now, view.fleet.installs);
}

DemoScreen::DemoScreen()
    : terminal_(::isatty(STDOUT_FILENO) == 1), begin_(steady_clock::now()), written_at_(begin_) {
  const char* kind = std::getenv("TERM");
  if (kind == nullptr || std::string_view(kind) == "dumb") terminal_ = false;
  colour_ = terminal_ && std::getenv("NO_COLOR") == nullptr;
}

void DemoScreen::flush() {
  if (std::fflush(stdout) != 0) broken_ = true;
}

void DemoScreen::erase_table() {
  if (drawn_ > 0) fmt::print("\033[{}A\033[J", drawn_);
  drawn_ = 0;
}

void DemoScreen::say(const std::string& line) {
  if (broken_) return;
  erase_table();
  const bool headline = colour_ && !line.empty() && line.front() != ' ';
  fmt::print("{}{}{}\n", headline ? "\033[1m" : "", line, headline ? "\033[0m" : "");
  for (const auto& row : table_) fmt::print("{}\n", row);
  drawn_ = table_.size();
  flush();
}

void DemoScreen::show(const DemoView& view) {
  if (broken_) return;
  if (terminal_) {
    draw(view);
  } else {
    write_changes(view);
  }
  flush();
}

void DemoScreen::draw(const DemoView& view) {
  const auto size = window();
  auto lines = table_of(view);
  for (auto& line : lines) line.resize(std::min<std::size_t>(line.size(), size.ws_col - 1U));
  if (colour_) {
    lines.front() = "\033[2m" + lines.front() + "\033[0m";
    for (std::size_t i = 0; i < view.server.items.size(); ++i) {
      lines[i + 1] = colour_of(view.server.items[i]) + lines[i + 1] + "\033[0m";
    }
  }
  lines.insert(lines.begin(), std::string());
  // What is higher than the window cannot be redrawn in place: its end is what matters.
  const std::size_t room = size.ws_row > 2 ? size.ws_row - 2U : 1U;
  if (lines.size() > room) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(room));
  erase_table();
  table_ = std::move(lines);
  for (const auto& row : table_) fmt::print("{}\n", row);
  drawn_ = table_.size();
}

void DemoScreen::keep_table() {
  table_.clear();
  drawn_ = 0;
}

void DemoScreen::write_changes(const DemoView& view) {
  const auto now = steady_clock::now();
  const auto line = compact_line_of(view);
  const auto longest = view.activity.empty() ? kGapWhenQuiet : kGapWhileWaiting;
  const auto gap = now - written_at_;
  if (gap < kShortestGap || (line == written_ && gap < longest)) return;
  fmt::print("  {:6.1f} s  {}\n", std::chrono::duration<double>(now - begin_).count(), line);
  written_ = line;
  written_at_ = now;
}

}  // namespace mooring::app
