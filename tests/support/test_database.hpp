// SPDX-License-Identifier: Apache-2.0
// A real PostgreSQL for tests: one private cluster for each test process, one migrated database for each
// test.
#pragma once

#include <memory>
#include <string>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/postgres/connection.hpp"

namespace mooring::test {

/// conninfo of the process's cluster (its maintenance database); starts it at first use and stops it at exit.
const std::string& cluster_conninfo();

class TestDatabase {
 public:
  TestDatabase();   ///< Copies a migrated template: a few milliseconds.
  ~TestDatabase();  ///< Drops it.
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;

  std::string conninfo() const;
  pg::ConnectOptions connect_options(bool point_queries = false) const;
  /// A connection for the test itself, open as long as the database.
  pg::Connection& connection() { return *connection_; }

  Logger log{LogLevel::warning, LogFormat::logfmt};
  Metrics metrics;

 private:
  std::string name_;
  std::unique_ptr<pg::Connection> connection_;
};

}  // namespace mooring::test
