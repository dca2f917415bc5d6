// SPDX-License-Identifier: Apache-2.0
// Devices that prove who they are: a whole enrollment (SCEP, then Authenticate and TokenUpdate with
// Mdm-Signature) and the idle connect with its signature, on the real server with identity on.
#include <fmt/format.h>

#include <algorithm>

#include "base/crypto/cms.hpp"
#include "base/encoding.hpp"
#include "base/http/client.hpp"
#include "base/plist/plist.hpp"
#include "core/scep/challenges.hpp"
#include "simulator/scep_client.hpp"
#include "tests/bench/command_line.hpp"
#include "tests/bench/fleet.hpp"
#include "tests/bench/report.hpp"
#include "tests/bench/scenarios.hpp"
#include "tests/bench/server_process.hpp"
#include "tests/bench/workspace.hpp"

namespace mooring::bench {
namespace {

constexpr std::uint64_t kIdentitySeed = 23;

struct Options {
  std::string binary = "build/release/mooring";
  std::vector<std::size_t> connections{2, 8, 32, 128};
  std::size_t enrollments = 1000;  ///< For each number of connections.
  std::int64_t idles = 20000;      ///< As well.
  std::string data_root = "/tmp";
  std::string json;
  std::string markdown;
  bool quick = false;
};

/// A device that has a challenge and, once it is enrolled, a certificate.
struct Newcomer {
  std::unique_ptr<simulator::Device> device;
  simulator::ScepRequest scep;
  std::string pki_operation;  ///< Its HTTP request.
  std::optional<crypto::Signer> signer;
  std::string idle;

  std::string signed_request(const plist::Dict& message, std::string_view content_type) const {
    const auto body = plist::to_xml(message);
    const auto signature = must(crypto::sign_detached(body, *signer));
    return fmt::format(
        "PUT /mdm HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: MDM/1.0\r\nContent-Type: {}\r\n"
        "Mdm-Signature: {}\r\nContent-Length: {}\r\n\r\n{}",
        content_type, to_base64(signature), body.size(), body);
  }
  std::string check_in(const plist::Dict& message) const {
    return signed_request(message, "application/x-apple-aspen-mdm-checkin");
  }
  std::string report(const plist::Dict& message) const {
    return signed_request(message, "application/x-apple-aspen-mdm; charset=UTF-8");
  }
};
using Newcomers = std::vector<Newcomer>;

/// GetCACaps, GetCACert, PKIOperation, Authenticate, TokenUpdate. The load generator opens each answer and
/// signs each message, as devices do.
class WholeEnrollment final : public Scenario {
 public:
  WholeEnrollment(Newcomers& newcomers, std::size_t from, std::size_t to, const crypto::PrivateKey& key)
      : newcomers_(newcomers), key_(key), at_(from), to_(to) {}

  std::optional<std::string_view> begin(std::size_t slot) override {
    if (at_ == to_) return std::nullopt;
    if (talks_.size() <= slot) talks_.resize(slot + 1);
    talks_[slot] = {.newcomer = &newcomers_[at_++], .step = 0, .request = {}};
    return capabilities_;
  }
  std::optional<std::string_view> next(std::size_t slot, const Reply& reply) override {
    auto& talk = talks_[slot];
    auto& newcomer = *talk.newcomer;
    switch (++talk.step) {
      case 1:
        return certificate_;
      case 2:
        return newcomer.pki_operation;
      case 3:
        newcomer.signer = crypto::Signer{.certificate = must(newcomer.scep.finish(reply.body)), .key = key_};
        talk.request = newcomer.check_in(newcomer.device->authenticate());
        return talk.request;
      case 4:
        talk.request = newcomer.check_in(newcomer.device->token_update());
        return talk.request;
      default:
        return std::nullopt;
    }
  }

 private:
  struct Talk {
    Newcomer* newcomer = nullptr;
    int step = 0;
    std::string request;
  };
  Newcomers& newcomers_;
  const crypto::PrivateKey& key_;
  std::string capabilities_ = get_request("/scep?operation=GetCACaps");
  std::string certificate_ = get_request("/scep?operation=GetCACert");
  std::size_t at_;
  std::size_t to_;
  std::vector<Talk> talks_;
};

/// Each device asks and answers until nothing is queued for it.
class SignedDrain final : public Scenario {
 public:
  explicit SignedDrain(Newcomers& newcomers) : newcomers_(newcomers) {}
  std::int64_t commands() const { return commands_; }

  std::optional<std::string_view> begin(std::size_t slot) override {
    if (at_ == newcomers_.size()) return std::nullopt;
    if (talks_.size() <= slot) talks_.resize(slot + 1);
    talks_[slot].newcomer = &newcomers_[at_++];
    return talks_[slot].newcomer->idle;
  }
  std::optional<std::string_view> next(std::size_t slot, const Reply& reply) override {
    if (reply.body.empty()) return std::nullopt;
    ++commands_;
    auto& talk = talks_[slot];
    const auto report = talk.newcomer->device->respond(must(plist::parse_dict(reply.body)), Time{});
    if (!report) return std::nullopt;
    talk.request = talk.newcomer->report(*report);
    return talk.request;
  }

 private:
  struct Talk {
    Newcomer* newcomer = nullptr;
    std::string request;
  };
  Newcomers& newcomers_;
  std::size_t at_ = 0;
  std::int64_t commands_ = 0;
  std::vector<Talk> talks_;
};

/// One device after the other, with nothing queued.
class SignedIdle final : public Scenario {
 public:
  SignedIdle(const Newcomers& newcomers, std::int64_t count) : newcomers_(newcomers), left_(count) {}
  std::int64_t surprises() const { return surprises_; }

  std::optional<std::string_view> begin(std::size_t) override {
    if (left_ == 0) return std::nullopt;
    --left_;
    return newcomers_[at_++ % newcomers_.size()].idle;
  }
  std::optional<std::string_view> next(std::size_t, const Reply& reply) override {
    surprises_ += reply.body.empty() ? 0 : 1;
    return std::nullopt;
  }

 private:
  const Newcomers& newcomers_;
  std::size_t at_ = 0;
  std::int64_t left_;
  std::int64_t surprises_ = 0;
};

class Bench {
 public:
  explicit Bench(const Options& options)
      : options_(options),
        workspace_(options.data_root),
        server_(options.binary, workspace_.path() / "data", {"--device-identity=on", "--device-tls=off"}),
        database_({.conninfo = server_.conninfo(), .application_name = "bench", .statement_timeout_ms = 0}),
        authority_(must(simulator::parse_ca_answer(fetch("/scep?operation=GetCACert")))),
        capabilities_(simulator::ScepCapabilities::parse(fetch("/scep?operation=GetCACaps"))) {}

  void run() {
    for (std::size_t i = 0; i < options_.enrollments * options_.connections.size(); ++i) invite(i);
    enroll();
    settle();
    idle();
    report_.finish(options_.json, options_.markdown, !options_.quick);
  }

 private:
  std::string fetch(const std::string& target) const {
    http::Request request;
    request.target = target;
    return must(http::fetch(fmt::format("http://127.0.0.1:{}", server_.device_port()), std::move(request)))
        .body;
  }

  /// Devices share a key: to make one costs 140 ms.
  void invite(std::size_t index) {
    auto device = std::make_unique<simulator::Device>(simulator::make_identity(kIdentitySeed, index),
                                                      simulator::DeviceOptions{.seed = index + 1});
    core::NewChallenge bound;
    bound.udid = device->identity().udid;
    const auto challenge = core::create_challenge(database_, bound, SystemClock().now());
    auto scep = must(simulator::ScepRequest::make({.subject = {{"CN", device->identity().udid}},
                                                   .challenge = challenge,
                                                   .transaction_id = fmt::format("bench-{}", index)},
                                                  key_, authority_, capabilities_));
    auto operation =
        post_request("/scep?operation=PKIOperation", "application/x-pki-message", scep.message());
    newcomers_.push_back({.device = std::move(device),
                          .scep = std::move(scep),
                          .pki_operation = std::move(operation),
                          .signer = {},
                          .idle = {}});
  }

  struct Measured {
    Outcome outcome;
    ServerProcess::Cpu cpu;
  };
  Measured measure(std::size_t connections, Scenario& scenario) {
    database_.script("checkpoint");
    const auto before = server_.cpu();
    auto outcome = drive(server_.device_port(), connections, scenario);
    return {std::move(outcome), server_.cpu() - before};
  }

  static Table table(std::string id, std::string title) {
    return {.id = std::move(id),
            .title = std::move(title),
            .columns = {"connections", "operations/s", "CPU ms/operation", "server ms", "PostgreSQL ms",
                        "p50 ms", "p99 ms", "errors"},
            .rows = {}};
  }

  void add_row(Table& table, std::size_t connections, const Measured& measured) {
    const auto& [outcome, cpu] = measured;
    const auto each = [&](double seconds) { return seconds * 1e3 / static_cast<double>(outcome.operations); };
    worst_ = std::max(worst_, each(cpu.total()));
    errors_ += outcome.errors;
    table.rows.push_back(
        {static_cast<std::int64_t>(connections),
         static_cast<std::int64_t>(static_cast<double>(outcome.operations) / outcome.seconds),
         Figure{each(cpu.total()), 3}, Figure{each(cpu.server), 3}, Figure{each(cpu.postgres), 3},
         Figure{outcome.percentile(0.5), 2}, Figure{outcome.percentile(0.99), 2}, outcome.errors});
  }

  void finish(Table table, const std::string& what, double limit) {
    report_.add(std::move(table));
    report_.aim({what + ", at any number of connections", "ms of CPU", worst_, limit});
    report_.aim({what + ", errors", "errors", static_cast<double>(errors_), 1});
    worst_ = 0;
    errors_ = 0;
  }

  void enroll() {
    auto rows = table("enrollment-whole", "Whole enrollment: SCEP, then signed Authenticate and TokenUpdate");
    std::size_t from = 0;
    for (const auto connections : options_.connections) {
      WholeEnrollment scenario(newcomers_, from, from + options_.enrollments, key_);
      const auto measured = measure(connections, scenario);
      wait_until_quiet(database_);
      add_row(rows, connections, measured);
      from += options_.enrollments;
    }
    finish(std::move(rows), "whole enrollment (SCEP, Authenticate, TokenUpdate; signed)", 2.5);
  }

  void settle() {
    for (auto& newcomer : newcomers_) newcomer.idle = newcomer.report(newcomer.device->idle_report());
    for (std::int64_t left = 1; left > 0;) {
      wait_until_quiet(database_);
      SignedDrain scenario(newcomers_);
      if (drive(server_.device_port(), 8, scenario).errors > 0) give_up("devices could not settle");
      left = scenario.commands();
    }
    wait_until_quiet(database_);
    database_.script("vacuum analyze");
  }

  void idle() {
    auto rows = table("idle-signed", "Idle connect with Mdm-Signature: nothing is queued");
    for (const auto connections : options_.connections) {
      SignedIdle scenario(newcomers_, options_.idles);
      auto measured = measure(connections, scenario);
      measured.outcome.errors += scenario.surprises();
      add_row(rows, connections, measured);
    }
    finish(std::move(rows), "idle connect with Mdm-Signature", 0.2);
  }

  Options options_;
  Workspace workspace_;
  ServerProcess server_;
  pg::Connection database_;
  std::vector<crypto::Certificate> authority_;
  simulator::ScepCapabilities capabilities_;
  crypto::PrivateKey key_ = crypto::PrivateKey::generate(crypto::KeyType::rsa_2048);
  Newcomers newcomers_;
  Report report_{"identity"};
  double worst_ = 0;
  std::int64_t errors_ = 0;
};

}  // namespace
}  // namespace mooring::bench

int main(int argc, char** argv) {
  mooring::bench::Options options;
  CLI::App cli("What it costs that devices prove who they are");
  cli.add_option("--connections", options.connections);
  cli.add_option("--enrollments", options.enrollments, "New devices for each number of connections.");
  cli.add_option("--idles", options.idles, "Idle connects for each number of connections.");
  mooring::bench::add_common_options(cli, options);
  CLI11_PARSE(cli, argc, argv);
  if (options.quick) {
    options.connections = {8};
    options.enrollments = 50;
    options.idles = 500;
  }
  return mooring::bench::report_failure("bench_identity", [&] { mooring::bench::Bench(options).run(); });
}
