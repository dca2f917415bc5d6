// SPDX-License-Identifier: Apache-2.0
// The reconciler over a converged fleet, without HTTP: what a sweep and a changed profile cost, as CPU
// seconds of this process and of PostgreSQL together, at default durability.
#include <fmt/format.h>

#include <chrono>

#include "base/postgres/embedded.hpp"
#include "base/postgres/migrations.hpp"
#include "core/migrations.hpp"
#include "reconciler/reconciler.hpp"
#include "tests/bench/command_line.hpp"
#include "tests/bench/cpu_meter.hpp"
#include "tests/bench/fleet.hpp"
#include "tests/bench/report.hpp"
#include "tests/bench/workspace.hpp"

namespace mooring::bench {
namespace {

constexpr int kProfiles = 20;
constexpr double kMegabyte = 1e6;

struct Cost {
  double own = 0;       ///< CPU seconds of the reconciler.
  double postgres = 0;  ///< CPU seconds of all PostgreSQL processes.
  double wall = 0;
  std::size_t passes = 0;
  std::int64_t wal = 0;     ///< Bytes.
  std::int64_t growth = 0;  ///< Bytes of the database.
  double cpu() const { return own + postgres; }
};

class Bench {
 public:
  Bench(const pg::EmbeddedPostgres& postgres, const std::string& database, Logger& log)
      : postgres_(postgres),
        connect_{.conninfo = postgres.conninfo() + " dbname=" + database, .statement_timeout_ms = 0},
        admin_(connect_),
        connection_(
            pg::ConnectOptions{.conninfo = connect_.conninfo, .application_name = "mooring reconciler"}),
        reconciler_({.connect = connect_}, {}, clock_, log, metrics_) {
    must(pg::migrate(admin_, core::migrations::embedded_files(), log));
    must(reconciler_.prepare(admin_));
  }

  void populate(int devices) {
    devices_ = devices;
    declare_profiles(admin_, kProfiles, clock_.now());
    make_converged_fleet(admin_, devices, clock_.now());
    // Sweeps that the declarations began end over devices that have seen them.
    drain();
    expect("select count(*) from commands", 0, "a converged fleet needs no command");
  }

  /// The generation moves, no device is concerned: one comparison each.
  Cost converged_sweep() {
    const auto cost =
        measure([this] { admin_.script("update declaration_state set generation = generation + 1"); });
    expect(
        "select count(*) from reconcile where seen_generation = (select generation from declaration_state)",
        devices_, "every device has seen the generation");
    expect("select count(*) from commands", 0, "nothing changed");
    return cost;
  }

  /// Every device is marked, as if each had reported something: all is loaded and planned.
  Cost full_sweep() {
    admin_.script("update reconcile set marks = marks + 1, due_at = now()");
    const auto cost = measure([] {});
    expect("select count(*) from reconcile where handled = marks", devices_, "every device was planned");
    expect("select count(*) from commands", 0, "nothing changed");
    return cost;
  }

  Cost changed_profile(const std::string& value) {
    const auto before = number(admin_, "select count(*) from commands");
    const auto cost = measure([&] { upload(admin_, 1, value, clock_.now()); });
    expect(
        "select count(*) from commands where version_id = (select current_version from items where name = "
        "'p1')",
        devices_, "every device has the new version queued");
    if (before == 0) expect("select count(*) from commands", devices_, "and nothing else");
    return cost;
  }

 private:
  std::size_t drain() {
    std::size_t passes = 0;
    while (must(reconciler_.run_once(connection_)) > 0) ++passes;
    return passes;
  }

  std::int64_t wal_position() { return number(admin_, "pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::int8"); }
  std::int64_t size() { return number(admin_, "pg_database_size(current_database())"); }

  template <class Change>
  Cost measure(Change change) {
    admin_.script("checkpoint");  // the worst moment: each page's first change writes all of it to the log
    const auto wal = wal_position();
    const auto bytes = size();
    const auto postmaster = postgres_.postmaster_pid();
    const double own = own_cpu(), postgres = family_cpu(postmaster);
    const auto begin = std::chrono::steady_clock::now();
    change();
    Cost cost;
    cost.passes = drain();
    cost.wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    cost.own = own_cpu() - own;
    cost.postgres = family_cpu(postmaster) - postgres;
    cost.wal = wal_position() - wal;
    cost.growth = size() - bytes;
    return cost;
  }

  void expect(const std::string& sql, std::int64_t wanted, const char* why) {
    const auto found = number(admin_, sql);
    if (found != wanted) give_up(fmt::format("{}: {} instead of {} ({})", why, found, wanted, sql));
  }

  const pg::EmbeddedPostgres& postgres_;
  pg::ConnectOptions connect_;
  pg::Connection admin_;
  pg::Connection connection_;
  SystemClock clock_;
  Metrics metrics_;
  reconciler::Reconciler reconciler_;
  int devices_ = 0;
};

std::vector<Cell> row(const char* what, int devices, const Cost& cost) {
  return {std::string(what),
          std::int64_t{devices},
          Figure{cost.cpu(), 2},
          Figure{cost.own, 2},
          Figure{cost.postgres, 2},
          Figure{cost.cpu() * 1e6 / devices, 1},
          Figure{cost.wall, 2},
          Figure{static_cast<double>(cost.wal) / kMegabyte, 1},
          Figure{static_cast<double>(cost.growth) / kMegabyte, 1},
          Figure{static_cast<double>(cost.growth) / devices, 0}};
}

struct Options {
  std::vector<int> sizes{1000, 10000, 100000};
  std::string data_root = "/tmp";
  std::string json;
  std::string markdown;
  bool quick = false;
};

void run(const Options& options) {
  Logger log(LogLevel::warning, LogFormat::logfmt);
  const Workspace workspace(options.data_root);
  const auto postgres =
      must(pg::EmbeddedPostgres::start({.data_dir = workspace.path() / "data", .bin_dir = ""}, log));
  Report report("reconciler");
  Table table{.id = "reconciler",
              .title = fmt::format("Reconciler: converged devices with {} profiles each", kProfiles),
              .columns = {"what", "devices", "CPU s", "reconciler s", "PostgreSQL s", "us per device",
                          "wall s", "WAL MB", "database MB", "bytes per device"},
              .rows = {}};
  for (const int devices : options.sizes) {
    const std::string database = fmt::format("fleet_{}", devices);
    pg::Connection({.conninfo = postgres->conninfo()}).script("create database " + database);
    Bench bench(*postgres, database, log);
    bench.populate(devices);
    const auto sweep = bench.converged_sweep();
    const auto full = bench.full_sweep();
    const auto changed = bench.changed_profile("2");
    table.rows.push_back(row("converged sweep", devices, sweep));
    table.rows.push_back(row("full sweep", devices, full));
    table.rows.push_back(row("one changed profile", devices, changed));
    if (devices != options.sizes.back()) continue;
    const double scale = 100000.0 / devices;
    report.aim({"converged sweep of 100,000 devices", "s of CPU", sweep.cpu() * scale, 10});
    report.aim({"one changed profile to 100,000 queued commands", "s of CPU", changed.cpu() * scale, 10});
    report.aim(
        {"... growth of the database", "MB", static_cast<double>(changed.growth) * scale / kMegabyte, 30});
  }
  report.add(std::move(table));
  report.finish(options.json, options.markdown, !options.quick);
}

}  // namespace
}  // namespace mooring::bench

int main(int argc, char** argv) {
  mooring::bench::Options options;
  CLI::App cli("What the reconciler costs");
  cli.add_option("--devices", options.sizes, "Sizes of the fleet; the last one is held against the aims.");
  mooring::bench::add_common_options(cli, options);
  CLI11_PARSE(cli, argc, argv);
  if (options.quick) options.sizes = {500};
  return mooring::bench::report_failure("bench_reconciler", [&] { mooring::bench::run(options); });
}
