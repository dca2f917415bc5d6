// SPDX-License-Identifier: Apache-2.0
#include "tests/support/test_database.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>

#include "base/postgres/embedded.hpp"
#include "base/postgres/migrations.hpp"
#include "core/migrations.hpp"

namespace mooring::test {
namespace {

namespace fs = std::filesystem;

class Cluster {
 public:
  Cluster() {
    std::string pattern = (fs::temp_directory_path() / "mooring-test-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    fs::permissions(directory_, fs::perms::all);  // PostgreSQL's user must reach it
    auto started =
        pg::EmbeddedPostgres::start({.data_dir = directory_ / "data", .bin_dir = "", .durable = false}, log_);
    if (!started) fail_hard(started.error());
    postgres_ = std::move(*started);
    conninfo_ = postgres_->conninfo();
    make_template();
  }
  ~Cluster() {
    postgres_.reset();
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }
  const std::string& conninfo() const { return conninfo_; }

 private:
  void make_template() {
    pg::Connection admin({.conninfo = conninfo_});
    admin.script("create database template_mooring");
    pg::Connection connection({.conninfo = conninfo_ + " dbname=template_mooring"});
    if (const auto done = pg::migrate(connection, core::migrations::embedded_files(), log_); !done) {
      fail_hard(done.error());
    }
  }

  [[noreturn]] static void fail_hard(const Error& error) {
    fmt::print(stderr, "the test's PostgreSQL did not start: {}\n", error.message);
    std::abort();
  }

  Logger log_{LogLevel::warning, LogFormat::logfmt};
  fs::path directory_;
  std::unique_ptr<pg::EmbeddedPostgres> postgres_;
  std::string conninfo_;
};

}  // namespace

const std::string& cluster_conninfo() {
  static const Cluster cluster;
  return cluster.conninfo();
}

TestDatabase::TestDatabase() {
  static std::atomic<int> counter{0};
  name_ = fmt::format("test_{}_{}", ::getpid(), counter++);
  pg::Connection admin({.conninfo = cluster_conninfo()});
  admin.script(fmt::format("create database {} template template_mooring", name_));
  connection_ = std::make_unique<pg::Connection>(connect_options());
}

TestDatabase::~TestDatabase() {
  connection_.reset();
  try {
    pg::Connection admin({.conninfo = cluster_conninfo()});
    admin.script(fmt::format("drop database {} with (force)", name_));
  } catch (const pg::SqlError& error) {
    fmt::print(stderr, "cannot drop {}: {}\n", name_, error.what());
  }
}

std::string TestDatabase::conninfo() const { return cluster_conninfo() + " dbname=" + name_; }

pg::ConnectOptions TestDatabase::connect_options(bool point_queries) const {
  return {.conninfo = conninfo(), .point_queries = point_queries};
}

}  // namespace mooring::test
