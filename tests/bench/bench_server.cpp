// SPDX-License-Identifier: Apache-2.0
// The real server with its embedded PostgreSQL under load: CPU milliseconds per operation of both together,
// at default durability.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/encoding.hpp"
#include "base/http/client.hpp"
#include "base/plist/plist.hpp"
#include "tests/bench/command_line.hpp"
#include "tests/bench/fleet.hpp"
#include "tests/bench/report.hpp"
#include "tests/bench/scenarios.hpp"
#include "tests/bench/server_process.hpp"
#include "tests/bench/workspace.hpp"

namespace mooring::bench {
namespace {

constexpr std::size_t kJudgedConnections = 32;  // where the aim for p99 applies

struct Options {
  std::string binary = "build/release/mooring";
  std::vector<std::size_t> connections{2, 8, 32, 128, 512};
  std::size_t devices = 10000;
  std::size_t enrollments = 2500;  ///< For each number of connections.
  std::int64_t idles = 30000;      ///< As well.
  int stored = 100000;             ///< Commands with a shared payload.
  std::string data_root = "/tmp";
  std::string json;
  std::string markdown;
  bool quick = false;
};

struct Measured {
  Outcome outcome;
  ServerProcess::Cpu cpu;
  double per_operation() const { return cpu.total() * 1e3 / static_cast<double>(outcome.operations); }
};

class Bench {
 public:
  explicit Bench(const Options& options)
      : options_(options),
        workspace_(options.data_root),
        server_(options.binary, workspace_.path() / "data"),
        database_({.conninfo = server_.conninfo(), .application_name = "bench", .statement_timeout_ms = 0}) {}

  void run() {
    storage();
    const auto needed = std::max(options_.devices, options_.enrollments * options_.connections.size());
    for (std::size_t i = 0; i < needed; ++i) fleet_.emplace_back(i);
    baselines();
    enrollment();
    settle();
    idle();
    commands();
    report_.finish(options_.json, options_.markdown, !options_.quick);
  }

 private:
  Measured measure(std::size_t connections, Scenario& scenario, std::uint16_t port) {
    database_.script("checkpoint");
    const auto before = server_.cpu();
    Measured measured{.outcome = drive(port, connections, scenario), .cpu = {}};
    measured.cpu = server_.cpu() - before;
    return measured;
  }

  void baselines();
  void enrollment();
  void settle();
  void idle();
  void commands();
  void storage();

  void queue(const std::string& uuid, const std::vector<std::string>& udids, std::size_t payload);
  void add_row(Table& table, std::size_t connections, const Measured& measured, double baseline);
  void judge(std::size_t connections, const Measured& measured);
  void finish(Table table, const std::string& what, double limit);

  Options options_;
  Workspace workspace_;
  ServerProcess server_;
  pg::Connection database_;
  Fleet fleet_;
  Report report_{"server"};
  std::vector<double> http_costs_;  ///< CPU milliseconds of a bare request, by number of connections.
  double worst_cpu_ = 0;
  double worst_p99_ = 0;
  std::int64_t errors_ = 0;
};

const std::vector<std::string> kColumns{"connections", "operations/s",  "CPU ms/operation",
                                        "server ms",   "PostgreSQL ms", "x bare HTTP",
                                        "p50 ms",      "p99 ms",        "errors"};

void Bench::add_row(Table& table, std::size_t connections, const Measured& measured, double baseline) {
  const auto& [outcome, cpu] = measured;
  const auto per_operation = [&](double seconds) {
    return Figure{seconds * 1e3 / static_cast<double>(outcome.operations), 3};
  };
  table.rows.push_back({static_cast<std::int64_t>(connections),
                        static_cast<std::int64_t>(static_cast<double>(outcome.operations) / outcome.seconds),
                        per_operation(cpu.total()), per_operation(cpu.server), per_operation(cpu.postgres),
                        Figure{measured.per_operation() / baseline, 1}, Figure{outcome.percentile(0.5), 2},
                        Figure{outcome.percentile(0.99), 2}, outcome.errors});
}

void Bench::judge(std::size_t connections, const Measured& measured) {
  worst_cpu_ = std::max(worst_cpu_, measured.per_operation());
  errors_ += measured.outcome.errors;
  if (connections == kJudgedConnections) worst_p99_ = measured.outcome.percentile(0.99);
}

void Bench::finish(Table table, const std::string& what, double limit) {
  report_.add(std::move(table));
  report_.aim({what + ", at any number of connections", "ms of CPU", worst_cpu_, limit});
  if (worst_p99_ > 0) report_.aim({what + ", p99 at 32 connections", "ms", worst_p99_, 25});
  report_.aim({what + ", errors at all numbers of connections", "errors", static_cast<double>(errors_), 1});
  worst_cpu_ = worst_p99_ = 0;
  errors_ = 0;
}

void Bench::baselines() {
  Table table{
      .id = "http", .title = "Baseline: a bare request (GET /healthz)", .columns = kColumns, .rows = {}};
  for (const auto connections : options_.connections) {
    RepeatScenario scenario(get_request("/healthz"), options_.idles * 2);
    const auto measured = measure(connections, scenario, server_.api_port());
    http_costs_.push_back(measured.per_operation());
    add_row(table, connections, measured, http_costs_.back());
  }
  report_.add(std::move(table));

  database_.script(
      "create table bench_commits (id bigint generated always as identity primary key, at timestamptz)");
  constexpr pg::Statement kCommit{"bench_commit", "insert into bench_commits (at) values (now())"};
  const int count = options_.quick ? 200 : 10000;
  const auto before = server_.cpu();
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < count; ++i) database_.exec(kCommit);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const auto commits = server_.cpu() - before;
  std::this_thread::sleep_for(std::chrono::seconds(options_.quick ? 1 : 10));
  const auto rest_before = server_.cpu();
  const int rest = options_.quick ? 1 : 10;
  std::this_thread::sleep_for(std::chrono::seconds(rest));
  report_.add(
      {.id = "machine",
       .title = "Baseline: this machine",
       .columns = {"what", "figure", "unit"},
       .rows = {
           {std::string("single-row commits, one client"), Figure{count / seconds, 0}, std::string("1/s")},
           {std::string("CPU of one such commit"), Figure{commits.total() * 1e3 / count, 3},
            std::string("ms")},
           {std::string("CPU of a server without load"),
            Figure{(server_.cpu() - rest_before).total() * 1e3 / rest, 1}, std::string("ms/s")}}});
}

void Bench::enrollment() {
  Table table{.id = "enrollment",
              .title = "Enrollment: Authenticate and TokenUpdate of a new device",
              .columns = kColumns,
              .rows = {}};
  table.columns.emplace_back("with all passes ms");
  std::size_t from = 0;
  for (std::size_t i = 0; i < options_.connections.size(); ++i) {
    const auto connections = options_.connections[i];
    const auto begin = server_.cpu();
    EnrollScenario scenario(fleet_, from, from + options_.enrollments);
    const auto measured = measure(connections, scenario, server_.device_port());
    wait_until_quiet(database_);
    const double all = (server_.cpu() - begin).total() * 1e3 / static_cast<double>(options_.enrollments);
    add_row(table, connections, measured, http_costs_[i]);
    table.rows.back().emplace_back(Figure{all, 3});
    judge(connections, measured);
    from += options_.enrollments;
  }
  finish(std::move(table), "enrollment check-ins", 0.7);
}

/// Devices answer what the reconciler asked of them, until it is content.
void Bench::settle() {
  if (fleet_.size() > options_.enrollments * options_.connections.size()) {
    EnrollScenario rest(fleet_, options_.enrollments * options_.connections.size(), fleet_.size());
    drive(server_.device_port(), kJudgedConnections, rest);
  }
  for (std::int64_t left = 1; left > 0;) {
    wait_until_quiet(database_);
    DrainScenario scenario(fleet_);
    if (drive(server_.device_port(), kJudgedConnections, scenario).errors > 0)
      give_up("devices could not settle");
    left = scenario.commands();
  }
  wait_until_quiet(database_);
  if (number(database_, "select count(*) from reconcile where converged_generation < generation") > 0) {
    give_up("the fleet did not converge");
  }
  database_.script("vacuum analyze");
}

void Bench::idle() {
  fleet_.erase(fleet_.begin() + static_cast<std::ptrdiff_t>(options_.devices), fleet_.end());
  Table table{.id = "idle", .title = "Idle connect: nothing is queued", .columns = kColumns, .rows = {}};
  for (std::size_t i = 0; i < options_.connections.size(); ++i) {
    IdleScenario scenario(fleet_, options_.idles);
    auto measured = measure(options_.connections[i], scenario, server_.device_port());
    measured.outcome.errors += scenario.surprises();
    add_row(table, options_.connections[i], measured, http_costs_[i]);
    judge(options_.connections[i], measured);
  }
  finish(std::move(table), "idle connect", 0.12);
}

void Bench::queue(const std::string& uuid, const std::vector<std::string>& udids, std::size_t payload) {
  const auto profile = mobileconfig(1, uuid, payload * 3 / 4 - 300);
  const auto command = plist::to_xml(plist::Dict{
      {"CommandUUID", uuid},
      {"Command", plist::Dict{{"RequestType", "InstallProfile"}, {"Payload", plist::Data{profile}}}}});
  http::Request request;
  request.method = "POST";
  request.target = "/v1/commands";
  request.headers.set("Content-Type", "application/json");
  request.headers.set("Authorization", "Bearer " + server_.token());
  request.body =
      nlohmann::json{{"enrollments", udids}, {"plist", to_base64(command)}, {"push", false}}.dump();
  const auto response = must(http::fetch(fmt::format("http://127.0.0.1:{}", server_.api_port()),
                                         std::move(request), std::chrono::seconds(120)));
  if (response.status != 201) give_up("POST /v1/commands: " + response.body.substr(0, 500));
}

void Bench::commands() {
  Table table{.id = "command",
              .title = "Connect with one command of 4 KiB and its acknowledgement (2 requests)",
              .columns = kColumns,
              .rows = {}};
  std::vector<std::string> udids;
  for (const auto& device : fleet_) udids.push_back(device.device->identity().udid);
  for (std::size_t i = 0; i < options_.connections.size(); ++i) {
    const std::string uuid = fmt::format("00000000-0000-4000-8000-{:012d}", i + 1);
    queue(uuid, udids, 4096);
    CommandScenario scenario(fleet_, uuid);
    auto measured = measure(options_.connections[i], scenario, server_.device_port());
    measured.outcome.errors += scenario.surprises();
    add_row(table, options_.connections[i], measured, http_costs_[i]);
    judge(options_.connections[i], measured);
  }
  finish(std::move(table), "connect with one command and its acknowledgement", 0.5);
}

void Bench::storage() {
  make_bare_enrollments(database_, options_.stored);
  std::vector<std::string> ids;
  for (int i = 1; i <= options_.stored; ++i) ids.push_back(fmt::format("E{}", i));
  const std::vector<std::pair<std::string, std::string>> parts{
      {"commands with their indexes", "pg_total_relation_size('commands')"},
      {"payloads", "pg_total_relation_size('payloads')"},
      {"the request (command_requests)", "pg_total_relation_size('command_requests')"},
      {"whole database", "pg_database_size(current_database())"}};
  std::vector<std::int64_t> before;
  database_.script("checkpoint");
  for (const auto& part : parts) before.push_back(number(database_, part.second));
  queue("00000000-0000-4000-8000-000000000000", ids, std::size_t{50} * 1024);
  database_.script("checkpoint");
  Table table{.id = "storage",
              .title = fmt::format("Database per queued command: one payload of 50 KiB for {} devices",
                                   options_.stored),
              .columns = {"what", "bytes", "bytes per command"},
              .rows = {}};
  double per_command = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto growth = number(database_, parts[i].second) - before[i];
    per_command = static_cast<double>(growth) / options_.stored;  // the last is the whole database
    table.rows.push_back({parts[i].first, growth, Figure{per_command, 1}});
  }
  report_.add(std::move(table));
  report_.aim({"whole database per queued command of a shared payload", "bytes", per_command, 200});
}

void make_quick(Options& options) {
  options.connections = {2, 32};
  options.devices = 200;
  options.enrollments = 100;
  options.idles = 1000;
  options.stored = 1000;
}

}  // namespace
}  // namespace mooring::bench

int main(int argc, char** argv) {
  mooring::bench::Options options;
  CLI::App cli("What the server costs under load");
  cli.add_option("--connections", options.connections);
  cli.add_option("--devices", options.devices);
  cli.add_option("--enrollments", options.enrollments, "New devices for each number of connections.");
  cli.add_option("--idles", options.idles, "Idle connects for each number of connections.");
  cli.add_option("--stored", options.stored, "Queued commands whose storage is measured.");
  mooring::bench::add_common_options(cli, options);
  CLI11_PARSE(cli, argc, argv);
  if (options.quick) mooring::bench::make_quick(options);
  return mooring::bench::report_failure("bench_server", [&] { mooring::bench::Bench(options).run(); });
}
