// SPDX-License-Identifier: Apache-2.0
// Pushes from the database over one HTTP/2 connection to nghttpd, beside what h2load makes of the same peer.
#include <fmt/format.h>
#include <sys/resource.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>

#include "base/crypto/secret_box.hpp"
#include "base/postgres/embedded.hpp"
#include "base/postgres/migrations.hpp"
#include "base/postgres/pool.hpp"
#include "core/migrations.hpp"
#include "core/push.hpp"
#include "tests/bench/command_line.hpp"
#include "tests/bench/cpu_meter.hpp"
#include "tests/bench/fleet.hpp"
#include "tests/bench/report.hpp"
#include "tests/bench/workspace.hpp"
#include "tests/support/nghttpd.hpp"

namespace mooring::bench {
namespace {

constexpr std::size_t kStreams = 1000;
constexpr auto kPushPatience = std::chrono::minutes(5);

struct Options {
  int pushes = 200000;
  std::string data_root = "/tmp";
  std::string json;
  std::string markdown;
  bool quick = false;
};

struct Cost {
  double own = 0;       ///< CPU seconds of whoever pushes.
  double postgres = 0;  ///< CPU seconds of all PostgreSQL processes.
  double wall = 0;
};

double children_cpu() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds_of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

constexpr pg::Statement kTokens{"bench_push_tokens", R"(
update enrollments set topic = 'com.apple.mgmt.External.bench', push_magic = gen_random_uuid()::text,
  push_token = sha256(id::text::bytea), token_updated_at = now())"};
constexpr pg::Statement kIds{"bench_push_ids", "select id from enrollments order by id"};

class Bench {
 public:
  Bench(const Options& options, const pg::EmbeddedPostgres& postgres, const std::filesystem::path& directory,
        Logger& log)
      : options_(options),
        directory_(directory),
        postgres_(postgres),
        connect_{.conninfo = postgres.conninfo(), .statement_timeout_ms = 0},
        admin_(connect_),
        log_(log),
        authority_(clock_),
        peer_(authority_, directory, {"--no-tls", fmt::format("--max-concurrent-streams={}", kStreams)}) {
    must(pg::migrate(admin_, core::migrations::embedded_files(), log));
    make_bare_enrollments(admin_, options_.pushes);
    admin_.exec(kTokens);
    admin_.script("vacuum analyze");
    if (!peer_.start()) give_up("nghttpd does not start");
  }

  void run() {
    const auto raw = by_h2load();
    const auto ours = by_pusher();
    const auto each = [&](double seconds) { return seconds * 1e6 / options_.pushes; };
    const auto row = [&](const char* who, const Cost& cost) -> std::vector<Cell> {
      const double cpu = cost.own + cost.postgres;
      return {std::string(who),
              Figure{each(cost.own), 1},
              Figure{each(cost.postgres), 1},
              static_cast<std::int64_t>(options_.pushes / cpu),
              static_cast<std::int64_t>(options_.pushes / cost.wall),
              Figure{cpu / (raw.own + raw.postgres), 2}};
    };
    Report report("push");
    report.add({.id = "push",
                .title = fmt::format("{} pushes over one HTTP/2 connection", options_.pushes),
                .columns = {"who", "own CPU us/push", "PostgreSQL us/push", "pushes/s per core", "pushes/s",
                            "CPU x h2load"},
                .rows = {row("Mooring, tokens from the database", ours),
                         row("h2load, one request again and again", raw)}});
    report.aim({"a push with its token from the database (20,000/s on one core)", "us of CPU",
                each(ours.own + ours.postgres), 50});
    report.finish(options_.json, options_.markdown, !options_.quick);
  }

 private:
  Cost by_pusher() {
    std::vector<std::int64_t> ids;
    for (const auto row : admin_.exec(kIds)) ids.push_back(row.int64(0));
    boost::asio::io_context io(1);
    Metrics metrics;
    pg::Pool pool({.connect = connect_, .connections = 2}, log_, metrics);
    const crypto::SecretBox secrets(crypto::SecretBox::Key{});
    core::Pusher pusher(io.get_executor(),
                        {.url = fmt::format("http://127.0.0.1:{}", peer_.port()), .trust = {}}, pool, secrets,
                        clock_, log_, metrics);
    auto& sent = metrics.counter("mooring_pushes_total", "", {{"result", "success"}, {"reason", ""}});
    const double own = own_cpu(), postgres = family_cpu(postgres_.postmaster_pid());
    const auto begin = std::chrono::steady_clock::now();
    pusher.request(ids, core::PushLane::background);
    while (sent.Value() < options_.pushes) {
      io.run_for(std::chrono::milliseconds(10));
      io.restart();
      if (std::chrono::steady_clock::now() - begin > kPushPatience) {
        give_up(fmt::format("only {} of {} pushes went out", sent.Value(), options_.pushes));
      }
    }
    return {.own = own_cpu() - own,
            .postgres = family_cpu(postgres_.postmaster_pid()) - postgres,
            .wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()};
  }

  /// The same headers and a body of the same size.
  Cost by_h2load() {
    const auto body = directory_ / "push.json";
    std::ofstream(body) << R"({"mdm":"6F0B1C5E-0C9A-4B5B-8E55-0E6B4B1B2C11"})";
    const auto command = fmt::format(
        "h2load -c1 -t1 -m{} -n{} -d '{}' -H 'apns-topic: com.apple.mgmt.External.bench' -H 'apns-push-type: "
        "mdm' "
        "-H 'apns-priority: 10' -H 'apns-expiration: 1790000000' -H 'content-type: application/json' "
        "http://127.0.0.1:{}/3/device/{} 2>&1",
        kStreams, options_.pushes, body.string(), peer_.port(), std::string(64, 'a'));
    const double before = children_cpu();
    const auto begin = std::chrono::steady_clock::now();
    std::FILE* out = ::popen(command.c_str(), "r");  // NOLINT(cert-env33-c): h2load has no other door
    if (out == nullptr) give_up("h2load");
    std::string said;
    std::array<char, 512> line{};
    while (std::fgets(line.data(), line.size(), out) != nullptr) said += line.data();
    ::pclose(out);
    if (said.find(fmt::format("{} 2xx", options_.pushes)) == std::string::npos) give_up("h2load: " + said);
    return {.own = children_cpu() - before,
            .postgres = 0,
            .wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()};
  }

  Options options_;
  std::filesystem::path directory_;
  const pg::EmbeddedPostgres& postgres_;
  pg::ConnectOptions connect_;
  pg::Connection admin_;
  Logger& log_;
  SystemClock clock_;
  simulator::PushAuthority authority_;
  test::Nghttpd peer_;
};

void run(const Options& options) {
  Logger log(LogLevel::warning, LogFormat::logfmt);
  const Workspace workspace(options.data_root);
  const auto postgres =
      must(pg::EmbeddedPostgres::start({.data_dir = workspace.path() / "data", .bin_dir = ""}, log));
  Bench(options, *postgres, workspace.path(), log).run();
}

}  // namespace
}  // namespace mooring::bench

int main(int argc, char** argv) {
  mooring::bench::Options options;
  CLI::App cli("What a push costs");
  cli.add_option("--pushes", options.pushes);
  mooring::bench::add_common_options(cli, options);
  CLI11_PARSE(cli, argc, argv);
  if (options.quick) options.pushes = 2000;
  return mooring::bench::report_failure("bench_push", [&] { mooring::bench::run(options); });
}
