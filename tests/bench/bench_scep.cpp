// SPDX-License-Identifier: Apache-2.0
// A certificate by SCEP from the real server: CPU of server and PostgreSQL for GetCACaps, GetCACert and
// PKIOperation together, with few certificates and with many.
#include <fmt/format.h>

#include <algorithm>

#include "base/crypto/raw_signature.hpp"
#include "base/http/client.hpp"
#include "core/scep/challenges.hpp"
#include "simulator/scep_client.hpp"
#include "tests/bench/command_line.hpp"
#include "tests/bench/cpu_meter.hpp"
#include "tests/bench/report.hpp"
#include "tests/bench/scenarios.hpp"
#include "tests/bench/server_process.hpp"
#include "tests/bench/workspace.hpp"

namespace mooring::bench {
namespace {

struct Options {
  std::string binary = "build/release/mooring";
  std::vector<std::size_t> connections{2, 8, 32};
  std::size_t requests = 1500;  ///< For each number of connections.
  int stored = 100000;          ///< Certificates in the second part.
  std::string data_root = "/tmp";
  std::string json;
  std::string markdown;
  bool quick = false;
};

/// The three requests of each device, one after the other.
class ScepScenario final : public Scenario {
 public:
  explicit ScepScenario(std::vector<std::string> messages) : messages_(std::move(messages)) {}

  std::optional<std::string_view> begin(std::size_t slot) override {
    if (at_ == messages_.size()) return std::nullopt;
    if (talks_.size() <= slot) talks_.resize(slot + 1);
    talks_[slot] = {.message = at_++, .step = 0};
    return capabilities_;
  }
  std::optional<std::string_view> next(std::size_t slot, const Reply&) override {
    auto& talk = talks_[slot];
    if (++talk.step == 1) return certificate_;
    if (talk.step == 2) return messages_[talk.message];
    return std::nullopt;
  }

 private:
  struct Talk {
    std::size_t message = 0;
    int step = 0;
  };
  std::vector<std::string> messages_;
  std::string capabilities_ = get_request("/scep?operation=GetCACaps");
  std::string certificate_ = get_request("/scep?operation=GetCACert");
  std::size_t at_ = 0;
  std::vector<Talk> talks_;
};

class Bench {
 public:
  explicit Bench(const Options& options)
      : options_(options),
        workspace_(options.data_root),
        server_(options.binary, workspace_.path() / "data"),
        database_({.conninfo = server_.conninfo(), .application_name = "bench", .statement_timeout_ms = 0}),
        authority_(must(simulator::parse_ca_answer(fetch("/scep?operation=GetCACert")))),
        capabilities_(simulator::ScepCapabilities::parse(fetch("/scep?operation=GetCACaps"))) {}

  void run() {
    Table table{.id = "scep",
                .title = "A certificate by SCEP (GetCACaps, GetCACert, PKIOperation), RSA-2048 all through",
                .columns = {"certificates before", "connections", "certificates/s", "CPU ms/certificate",
                            "server ms", "PostgreSQL ms", "x RSA alone", "p50 ms", "p99 ms", "errors"},
                .rows = {}};
    measure_all(table);
    fill();
    measure_all(table);
    report_.add(std::move(table));
    report_.aim(
        {"a certificate by SCEP, at any number of connections and certificates", "ms of CPU", worst_, 1.6});
    report_.aim({"certificates by SCEP, errors", "errors", static_cast<double>(errors_), 1});
    report_.finish(options_.json, options_.markdown, !options_.quick);
  }

 private:
  std::string fetch(const std::string& target) const {
    http::Request request;
    request.target = target;
    return must(http::fetch(fmt::format("http://127.0.0.1:{}", server_.device_port()), std::move(request)))
        .body;
  }

  /// CPU seconds of what no server can do without: the client's key is unwrapped, the certificate and the
  /// answer are signed. Measured here and now, as the speed of this machine varies.
  double rsa_alone() const {
    const int rounds = options_.quick ? 3 : 100;
    const double before = own_cpu();
    for (int i = 0; i < 3 * rounds; ++i) must(crypto::sign_sha256(key_, "certificate, answer or key"));
    return (own_cpu() - before) / rounds;
  }

  std::int64_t stored() {
    constexpr pg::Statement kCount{"bench_certificates", "select count(*) from certificates"};
    return database_.exec(kCount)[0].int64(0);
  }

  /// Devices with a challenge of their own. They share a key: to make one costs 140 ms.
  std::vector<std::string> messages() {
    std::vector<std::string> requests;
    for (std::size_t i = 0; i < options_.requests; ++i) {
      const auto challenge = core::create_challenge(database_, {}, SystemClock().now());
      const auto request =
          must(simulator::ScepRequest::make({.subject = {{"CN", fmt::format("device {}", made_)}},
                                             .challenge = challenge,
                                             .transaction_id = fmt::format("bench-{}", made_)},
                                            key_, authority_, capabilities_));
      ++made_;
      requests.push_back(
          post_request("/scep?operation=PKIOperation", "application/x-pki-message", request.message()));
    }
    return requests;
  }

  void measure_all(Table& table) {
    for (const auto connections : options_.connections) {
      const auto already = stored();
      ScepScenario scenario(messages());
      const double floor = rsa_alone();
      database_.script("checkpoint");
      const auto before = server_.cpu();
      auto outcome = drive(server_.device_port(), connections, scenario);
      const auto cpu = server_.cpu() - before;
      const auto issued = stored() - already;
      outcome.errors += static_cast<std::int64_t>(options_.requests) - issued;
      const auto each = static_cast<double>(options_.requests);
      worst_ = std::max(worst_, cpu.total() * 1e3 / each);
      errors_ += outcome.errors;
      table.rows.push_back({already, static_cast<std::int64_t>(connections),
                            static_cast<std::int64_t>(static_cast<double>(issued) / outcome.seconds),
                            Figure{cpu.total() * 1e3 / each, 3}, Figure{cpu.server * 1e3 / each, 3},
                            Figure{cpu.postgres * 1e3 / each, 3}, Figure{cpu.total() / each / floor, 2},
                            Figure{outcome.percentile(0.5), 2}, Figure{outcome.percentile(0.99), 2},
                            outcome.errors});
    }
  }

  /// As many rows as a large fleet leaves behind.
  void fill() {
    database_.script(
        fmt::format("insert into certificates (serial, hash, key_hash, transaction_id, der, subject, "
                    "not_before, not_after, "
                    "issued_at) select sha256(i::text::bytea), sha256(('h' || i)::bytea), sha256(('k' || "
                    "i)::bytea), 'filled-' || i, "
                    "convert_to(repeat(md5(i::text), 26), 'UTF8'), 'CN=device', now(), now() + '1 year', "
                    "now() - '2 days'::interval "
                    "from generate_series(1, {}) i",
                    options_.stored));
    database_.script("vacuum analyze certificates");
  }

  Options options_;
  Workspace workspace_;
  ServerProcess server_;
  pg::Connection database_;
  std::vector<crypto::Certificate> authority_;
  simulator::ScepCapabilities capabilities_;
  crypto::PrivateKey key_ = crypto::PrivateKey::generate(crypto::KeyType::rsa_2048);
  Report report_{"scep"};
  std::size_t made_ = 0;
  double worst_ = 0;
  std::int64_t errors_ = 0;
};

}  // namespace
}  // namespace mooring::bench

int main(int argc, char** argv) {
  mooring::bench::Options options;
  CLI::App cli("What a certificate by SCEP costs");
  cli.add_option("--connections", options.connections);
  cli.add_option("--requests", options.requests, "Certificates for each number of connections.");
  cli.add_option("--stored", options.stored, "Certificates that are there in the second part.");
  mooring::bench::add_common_options(cli, options);
  CLI11_PARSE(cli, argc, argv);
  if (options.quick) {
    options.requests = 50;
    options.stored = 1000;
    options.connections = {8};
  }
  return mooring::bench::report_failure("bench_scep", [&] { mooring::bench::Bench(options).run(); });
}
