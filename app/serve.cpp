// SPDX-License-Identifier: Apache-2.0
#include "app/serve.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>

#include "app/server.hpp"

namespace mooring::app {
namespace {

LogLevel level_from(const std::string& text) {
  if (text == "debug") return LogLevel::debug;
  if (text == "warning") return LogLevel::warning;
  if (text == "error") return LogLevel::error;
  return text == "off" ? LogLevel::off : LogLevel::info;
}

Task<> stop(Server& server, boost::asio::io_context& io, std::chrono::milliseconds grace) {
  co_await server.drain(grace);
  io.stop();
}

void announce(const Server& server, const Options& options) {
  fmt::print(
      "Mooring {} is running.\n  devices    {}/mdm\n  API        {}/v1\n  metrics    {}/metrics\n  data      "
      " {}\n",
      kVersion, server.device_url(), server.api_url(), server.api_url(),
      std::filesystem::absolute(options.text("data-dir")).string());
  if (server.public_url() != server.device_url()) fmt::print("  devices' URL  {}\n", server.public_url());
  if (!server.first_token().empty()) {
    fmt::print("  API token  {}\n             (shown this once; keep it where secrets are kept)\n",
               server.first_token());
  }
  std::fflush(stdout);
}

/// A connection is a file: as many as the system allows, instead of the 1024 that shells begin with.
void allow_many_files(Logger& log) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) ::getrlimit(RLIMIT_NOFILE, &limit);
  log.info("limit of open files, and so of connections", {{"files", std::uint64_t{limit.rlim_cur}}});
}

void reload_on_hangup(boost::asio::signal_set& hangup, Server& server, Logger& log) {
  hangup.async_wait([&](const boost::system::error_code& error, int) {
    if (error) return;
    log.info("hangup: reading certificates again");
    server.reload_certificates();
    reload_on_hangup(hangup, server, log);
  });
}

}  // namespace

int serve(const Options& options) {
  Logger log(level_from(options.text("log-level")),
             options.text("log-format") == "json" ? LogFormat::json : LogFormat::logfmt);
  Metrics metrics;
  const SystemClock clock;
  boost::asio::io_context io(1);
  allow_many_files(log);
  auto server = Server::start(io.get_executor(), options, clock, log, metrics);
  if (!server) {
    fmt::print(stderr, "mooring: {}\n", server.error().message);
    return 1;
  }
  announce(**server, options);
  boost::asio::signal_set signals(io, SIGINT, SIGTERM);
  const auto grace = options.duration("drain-timeout");
  signals.async_wait([&](const boost::system::error_code& error, int signal) {
    if (error) return;
    log.info("stopping", {{"signal", signal}});
    boost::asio::co_spawn(io, stop(**server, io, grace), boost::asio::detached);
  });
  boost::asio::signal_set hangup(io, SIGHUP);
  reload_on_hangup(hangup, **server, log);
  io.run();
  server->reset();
  log.info("stopped");
  return 0;
}

}  // namespace mooring::app
