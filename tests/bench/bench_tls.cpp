// SPDX-License-Identifier: Apache-2.0
// What a TLS handshake with client certificate costs: the device listener of the real server beside
// `openssl s_server`, which does nothing else, under the same clients.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <thread>
#include <vector>

#include "base/crypto/x509.hpp"
#include "tests/bench/command_line.hpp"
#include "tests/bench/cpu_meter.hpp"
#include "tests/bench/report.hpp"
#include "tests/bench/server_process.hpp"
#include "tests/bench/workspace.hpp"

namespace mooring::bench {
namespace {

constexpr int kClients = 4;
constexpr auto kPatience = std::chrono::seconds(20);

struct TlsOptions {
  std::string binary = "build/release/mooring";
  int handshakes = 2000;  ///< Of each row.
  int seconds = 5;        ///< Of each run of s_time.
  std::string data_root = "/tmp";
  std::string json;
  std::string markdown;
  bool quick = false;
};

/// Certificate and key of one side, in files that whoever the server becomes can read.
struct Party {
  std::string certificate;
  std::string key;

  Party(const std::filesystem::path& directory, const std::string& name, crypto::KeyType type)
      : certificate(directory / (name + ".pem")), key(directory / (name + ".key")) {
    const auto made = crypto::PrivateKey::generate(type);
    const auto now = SystemClock().now();
    const auto issued = must(crypto::issue({.subject = {{"CN", name}},
                                            .public_key = made.public_key(),
                                            .not_before = now - std::chrono::hours(1),
                                            .not_after = now + std::chrono::hours(24),
                                            .dns_names = {"127.0.0.1"}},
                                           {.certificate = nullptr, .key = made}));
    std::ofstream(certificate) << issued.pem();
    std::ofstream(key) << made.pem();
  }
};

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

/// `openssl s_server`, asking for a client certificate as the device listener does.
class RawServer {
 public:
  RawServer(const Party& identity, const std::filesystem::path& directory) {
    port_ = free_port();
    const auto accept = fmt::format("127.0.0.1:{}", port_);
    std::ofstream(directory / "file") << "x";
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGTERM);
      const int nowhere = ::open("/dev/null", O_RDWR);
      for (const int fd : {0, 1, 2}) ::dup2(nowhere, fd);
      if (::chdir(directory.c_str()) == 0) {
        ::execlp("openssl", "openssl", "s_server", "-accept", accept.c_str(), "-cert",
                 identity.certificate.c_str(), "-key", identity.key.c_str(), "-verify", "1", "-HTTP",
                 "-quiet", "-num_tickets", "1", nullptr);
      }
      ::_exit(127);
    }
    wait_until_it_listens();
  }
  ~RawServer() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;
  std::uint16_t port() const { return port_; }
  double cpu() const { return process_cpu(pid_); }

 private:
  void wait_until_it_listens() const {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      if (const int fd = connect_to(port_); fd >= 0) {
        ::close(fd);  // At once: it serves one connection at a time.
        return;
      }
      if (std::chrono::steady_clock::now() > end) give_up("openssl s_server does not start");
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  static std::uint16_t free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(fd, reinterpret_cast<const sockaddr*>(&address), size);
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    ::close(fd);
    return ntohs(address.sin_port);
  }
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

/// A handshake with client certificate and without resumption, one request, and the end.
bool visit(SSL_CTX* context, std::uint16_t port) {
  const int fd = connect_to(port);
  if (fd < 0) return false;
  SSL* ssl = SSL_new(context);
  SSL_set_fd(ssl, fd);
  constexpr std::string_view kRequest = "GET /file HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
  std::array<char, 2048> answer{};
  const bool answered = SSL_connect(ssl) == 1 && SSL_write(ssl, kRequest.data(), kRequest.size()) > 0 &&
                        SSL_read(ssl, answer.data(), answer.size()) > 0;
  SSL_free(ssl);
  ERR_clear_error();
  ::close(fd);
  return answered;
}

struct Visits {
  double seconds = 0;
  int failed = 0;
};

Visits visit_all(const Party& client, std::uint16_t port, int version, int count) {
  std::atomic<int> left = count;
  std::atomic<int> failed = 0;
  const auto begin = std::chrono::steady_clock::now();
  const auto work = [&] {
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    SSL_CTX_use_certificate_file(context, client.certificate.c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(context, client.key.c_str(), SSL_FILETYPE_PEM);
    while (left.fetch_sub(1) > 0) failed += visit(context, port) ? 0 : 1;
    SSL_CTX_free(context);
  };
  std::vector<std::jthread> clients;
  for (int i = 0; i < kClients; ++i) clients.emplace_back(work);
  clients.clear();
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(), failed};
}

/// Connections per second that `openssl s_time` makes, one after the other, each with a new session.
double s_time(const Party& client, std::uint16_t port, int seconds) {
  const auto command =
      fmt::format("openssl s_time -connect 127.0.0.1:{} -new -tls1_3 -time {} -cert {} -key {} 2>/dev/null",
                  port, seconds, client.certificate, client.key);
  std::FILE* out = ::popen(command.c_str(), "r");
  if (out == nullptr) give_up("openssl s_time");
  double rate = 0;
  std::array<char, 512> line{};
  while (std::fgets(line.data(), line.size(), out) != nullptr) {
    int connections = 0;
    int real = 0;
    if (std::sscanf(line.data(), "%d connections in %d real seconds", &connections, &real) == 2 && real > 0) {
      rate = static_cast<double>(connections) / real;
    }
  }
  ::pclose(out);
  if (rate <= 0) give_up("openssl s_time made no connection");
  return rate;
}

class TlsBench {
 public:
  explicit TlsBench(const TlsOptions& options)
      : options_(options), workspace_(options.data_root), directory_(workspace_.path()) {}

  void run() {
    measure("P-256", crypto::KeyType::ec_p256);
    measure("RSA-2048", crypto::KeyType::rsa_2048);
    report_.add(std::move(table_));
    report_.aim({"TLS handshake with client certificate, CPU against openssl s_server, worst of all", "ratio",
                 worst_ratio_, 1});
    report_.finish(options_.json, options_.markdown, !options_.quick);
  }

 private:
  void measure(const std::string& keys, crypto::KeyType type) {
    const Party server(directory_, keys + "-server", type);
    const Party client(directory_, keys + "-client", type);
    for (const auto* key : {&server.key, &client.key}) {
      std::filesystem::permissions(*key, std::filesystem::perms::all);
    }
    const RawServer raw(server, directory_);
    const ServerProcess mooring(options_.binary, directory_ / ("data-" + keys),
                                {"--device-identity=off", "--device-tls-cert=" + server.certificate,
                                 "--device-tls-key=" + server.key});
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      const auto by_raw = visits(client, raw.port(), version, [&] { return raw.cpu(); });
      const auto by_mooring =
          visits(client, mooring.device_port(), version, [&] { return mooring.cpu().server; });
      add(fmt::format("{}, TLS 1.{}", keys, version == TLS1_2_VERSION ? 2 : 3), by_mooring, by_raw);
    }
    const Measured timed{s_time(client, mooring.device_port(), options_.seconds), 0};
    const Measured timed_raw{s_time(client, raw.port(), options_.seconds), 0};
    add(fmt::format("{}, TLS 1.3, openssl s_time", keys), timed, timed_raw);
  }

  struct Measured {
    double rate = 0;
    double cpu_ms = 0;
  };

  template <class Cpu>
  Measured visits(const Party& client, std::uint16_t port, int version, const Cpu& cpu) const {
    visit_all(client, port, version, options_.handshakes / 10);
    const double before = cpu();
    const auto visited = visit_all(client, port, version, options_.handshakes);
    if (visited.failed > 0) give_up(fmt::format("{} of the handshakes failed", visited.failed));
    return {options_.handshakes / visited.seconds, (cpu() - before) * 1e3 / options_.handshakes};
  }

  void add(const std::string& what, const Measured& mooring, const Measured& raw) {
    if (raw.cpu_ms > 0) worst_ratio_ = std::max(worst_ratio_, mooring.cpu_ms / raw.cpu_ms);
    const auto cpu = [](double ms) { return ms > 0 ? Cell{Figure{ms, 2}} : Cell{std::string("-")}; };
    table_.rows.push_back(
        {what, static_cast<std::int64_t>(mooring.rate), static_cast<std::int64_t>(raw.rate),
         Figure{mooring.rate / raw.rate, 2}, cpu(mooring.cpu_ms), cpu(raw.cpu_ms),
         raw.cpu_ms > 0 ? Cell{Figure{mooring.cpu_ms / raw.cpu_ms, 2}} : Cell{std::string("-")}});
  }

  TlsOptions options_;
  Workspace workspace_;
  std::filesystem::path directory_;
  Report report_{"tls"};
  double worst_ratio_ = 0;
  Table table_{.id = "tls",
               .title = "TLS handshakes with client certificate, a new connection each, and one request",
               .columns = {"keys, version", "Mooring 1/s", "openssl s_server 1/s", "ratio", "Mooring CPU ms",
                           "s_server CPU ms", "CPU ratio"},
               .rows = {}};
};

}  // namespace
}  // namespace mooring::bench

int main(int argc, char** argv) {
  mooring::bench::TlsOptions options;
  CLI::App cli("What a TLS handshake costs");
  cli.add_option("--handshakes", options.handshakes, "Of each row.");
  mooring::bench::add_common_options(cli, options);
  CLI11_PARSE(cli, argc, argv);
  if (options.quick) {
    options.handshakes = 50;
    options.seconds = 1;
  }
  std::signal(SIGPIPE, SIG_IGN);
  return mooring::bench::report_failure("bench_tls", [&] { mooring::bench::TlsBench(options).run(); });
}
