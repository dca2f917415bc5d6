// SPDX-License-Identifier: Apache-2.0
// What a demo shows: on a terminal a table that is redrawn in place below the lines that stay; otherwise one
// compact line whenever a number changed.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "app/demo_client.hpp"
#include "simulator/fleet.hpp"

namespace mooring::app {

struct DemoView {
  ServerNumbers server;
  simulator::FleetSnapshot fleet;
  bool server_answers = false;
  std::string activity;  ///< What is being waited for; empty when nothing is.
};

/// The table, one line each, without control characters.
std::vector<std::string> table_of(const DemoView& view);
std::string compact_line_of(const DemoView& view);

class DemoScreen {
 public:
  DemoScreen();

  /// A line that stays.
  void say(const std::string& line);
  void show(const DemoView& view);
  /// Leaves the table that is on the screen where it is.
  void keep_table();
  /// Nobody can read what is written any more.
  bool broken() const { return broken_; }

 private:
  using Instant = std::chrono::steady_clock::time_point;

  void draw(const DemoView& view);
  void write_changes(const DemoView& view);
  void erase_table();
  void flush();

  bool terminal_ = false;
  bool colour_ = false;
  bool broken_ = false;
  std::size_t drawn_ = 0;  ///< Lines of the table on the screen.
  std::vector<std::string> table_;
  Instant begin_;
  Instant written_at_;
  std::string written_;
};

}  // namespace mooring::app
