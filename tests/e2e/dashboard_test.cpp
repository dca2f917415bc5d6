// SPDX-License-Identifier: Apache-2.0
// Every query of the dashboards, evaluated by a real Prometheus that scrapes a real server with a real fleet.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "tests/e2e/installation.hpp"

namespace mooring::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Prometheus as a child process, scraping one target every 200 ms.
class Prometheus {
 public:
  explicit Prometheus(const std::string& target) {
    std::string pattern = (fs::temp_directory_path() / "mooring-prometheus-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    std::ofstream(directory_ / "prometheus.yml") << fmt::format(
        "global:\n  scrape_interval: 200ms\n  evaluation_interval: 200ms\nscrape_configs:\n"
        "  - job_name: mooring\n    static_configs:\n      - targets: ['{}']\n",
        target);
    const std::string address = fmt::format("127.0.0.1:{}", free_port());
    url_ = "http://" + address;
    const std::vector<std::string> command{"prometheus",
                                           "--config.file=" + (directory_ / "prometheus.yml").string(),
                                           "--storage.tsdb.path=" + (directory_ / "data").string(),
                                           "--web.listen-address=" + address, "--log.level=error"};
    std::vector<char*> argv;
    for (const auto& part : command) argv.push_back(const_cast<char*>(part.c_str()));
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::execvp(argv[0], argv.data());
      ::_exit(127);
    }
  }
  ~Prometheus() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }

  /// The API's answer; an object with "status": "error" where it does not answer at all.
  json query(const std::string& expression) const {
    http::Request request;
    request.method = "POST";
    request.target = "/api/v1/query";
    request.headers.set("Content-Type", "application/x-www-form-urlencoded");
    request.body = "query=" + escaped(expression);
    const auto response = http::fetch(url_, std::move(request));
    if (!response) return {{"status", "error"}, {"error", response.error().message}};
    auto answer = json::parse(response->body, nullptr, false);
    if (!answer.is_object()) return {{"status", "error"}, {"error", response->body}};  // still starting
    return answer;
  }

 private:
  static int free_port() {
    boost::asio::io_context io;
    const boost::asio::ip::tcp::acceptor acceptor(io, {boost::asio::ip::make_address("127.0.0.1"), 0});
    return acceptor.local_endpoint().port();
  }
  static std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text)
      out += std::isalnum(static_cast<unsigned char>(c)) != 0
                 ? std::string(1, c)
                 : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    return out;
  }

  fs::path directory_;
  std::string url_;
  pid_t pid_ = 0;
};

void collect_expressions(const json& node, std::vector<std::string>& into) {
  if (node.is_object()) {
    if (const auto found = node.find("expr"); found != node.end()) into.push_back(*found);
    for (const auto& [key, value] : node.items()) collect_expressions(value, into);
  } else if (node.is_array()) {
    for (const auto& value : node) collect_expressions(value, into);
  }
}

/// What Grafana would put in the place of its variables.
std::string substituted(std::string expression) {
  expression = std::regex_replace(expression, std::regex(R"(\$__rate_interval|\$\{__rate_interval\})"), "1m");
  expression = std::regex_replace(expression, std::regex(R"(\$__range|\$\{__range\})"), "1h");
  return std::regex_replace(expression, std::regex(R"(\$\{?(job|instance|kind|item)(:[a-z]+)?\}?)"), ".+");
}

std::set<std::string> metrics_in(const std::string& expression) {
  std::set<std::string> names;
  const std::regex name("mooring_[a-z_]+");
  for (std::sregex_iterator it(expression.begin(), expression.end(), name), end; it != end; ++it)
    names.insert(it->str());
  return names;
}

bool is_exported(const std::string& page, const std::string& metric) {
  return page.find("\n" + metric + "{") != std::string::npos ||
         page.find("\n" + metric + " ") != std::string::npos;
}

// covers: state.E19
TEST(Dashboard, EveryQueryIsEvaluatedByPrometheusAndNamesOnlyWhatTheServerExports) {
  Installation mooring;
  mooring.start_server();
  mooring.start_fleet(5, {});
  mooring.declare("wifi", profile("com.example.wifi"));
  mooring.assign("wifi");
  ASSERT_TRUE(mooring.wait([&] { return mooring.fleet().snapshot().installs >= 5; }));

  const Prometheus prometheus(mooring.api_url().substr(std::string("http://").size()));
  const auto has_data = [&](const std::string& expression) {
    const auto answer = prometheus.query(expression);
    return answer.value("status", "") == "success" && !answer["data"]["result"].empty();
  };
  ASSERT_TRUE(mooring.wait([&] { return has_data("mooring_item_verified_devices{item=\"wifi\"} == 5"); }))
      << "Prometheus (Debian package prometheus) scrapes the server";
  ASSERT_TRUE(mooring.wait([&] { return has_data("rate(mooring_reports_total[1m])"); }))
      << "a rate needs two scrapes";

  const std::string page = mooring.get("/metrics");
  std::size_t queries = 0;
  for (const auto& entry : fs::directory_iterator(MOORING_SOURCE_DIR "/dashboards")) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream file(entry.path());
    std::vector<std::string> expressions;
    collect_expressions(json::parse(file), expressions);
    for (const auto& expression : expressions) {
      ++queries;
      // Waits: a series may have been scraped once only so far.
      EXPECT_TRUE(mooring.wait([&] { return has_data(substituted(expression)); }))
          << "no data: " << expression << "\n"
          << prometheus.query(substituted(expression));
      for (const auto& metric : metrics_in(expression)) EXPECT_TRUE(is_exported(page, metric)) << metric;
    }
  }
  EXPECT_GE(queries, 20U);
}

}  // namespace
}  // namespace mooring::test
