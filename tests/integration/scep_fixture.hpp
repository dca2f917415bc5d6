// SPDX-License-Identifier: Apache-2.0
// SCEP on a real socket over a real database, and a device that speaks to it.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "base/crypto/crypto.hpp"
#include "base/encoding.hpp"
#include "base/http/client.hpp"
#include "base/http/server.hpp"
#include "core/scep/certificates.hpp"
#include "core/scep/challenges.hpp"
#include "core/scep/endpoint.hpp"
#include "tests/support/scep_message.hpp"
#include "tests/support/test_database.hpp"

namespace mooring::scep_test {

struct ServerSetup {
  core::ScepOptions options = {};
  bool legacy = false;
  core::AuthorityOptions authority = {};
};

class ScepServer {
 public:
  explicit ScepServer(ServerSetup setup = {})
      : clock(std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now())),
        pool_({.connect = db.connect_options(), .connections = 2}, db.log, db.metrics),
        authority_(
            *core::CertificateAuthority::open(db.connection(), setup.authority, secrets_, clock.now())) {
    auto legacy = setup.legacy ? *core::scep::LegacyCiphers::load() : nullptr;
    endpoint_ = std::make_unique<core::ScepEndpoint>(setup.options, authority_, std::move(legacy),
                                                     db.connect_options(true), pool_, crypto_, clock, db.log,
                                                     db.metrics);
    server_ = std::make_unique<http::Server>(io_.get_executor(), http::ServerOptions{.name = "device"},
                                             endpoint_->routes(), db.log, db.metrics);
    if (auto started = server_->start(); !started) throw std::runtime_error(started.error().message);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~ScepServer() {
    boost::asio::co_spawn(io_, server_->drain(std::chrono::seconds(1)), boost::asio::use_future).wait();
    work_.reset();
    thread_.join();
    server_.reset();
  }
  ScepServer(const ScepServer&) = delete;
  ScepServer& operator=(const ScepServer&) = delete;

  std::string url() const { return server_->url() + "/scep"; }
  const core::CertificateAuthority& authority() const { return authority_; }

  http::Response get(const std::string& query) {
    http::Request request;
    request.target = "/scep" + query;
    return send(std::move(request));
  }
  http::Response post(const std::string& message, const std::string& more_query = {}) {
    http::Request request;
    request.method = "POST";
    request.target = "/scep?operation=PKIOperation" + more_query;
    request.body = message;
    return send(std::move(request));
  }
  http::Response send(http::Request request) {
    auto response = http::fetch(server_->url(), std::move(request));
    if (!response) throw std::runtime_error(response.error().message);
    return std::move(*response);
  }
  std::string challenge(core::NewChallenge wanted = {}) {
    return core::create_challenge(db.connection(), wanted, clock.now());
  }
  std::string text(const std::string& sql) {
    const auto rows = db.connection().script(fmt::format("select ({})::text", sql));
    return rows.empty() || rows[0].is_null(0) ? "" : rows[0].text(0);
  }

  test::TestDatabase db;
  ManualClock clock;

 private:
  crypto::SecretBox secrets_{crypto::SecretBox::Key{}};
  crypto::CryptoPool crypto_{2};
  pg::Pool pool_;
  core::CertificateAuthority authority_;
  std::unique_ptr<core::ScepEndpoint> endpoint_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
};

/// Keys are dear: a few for all tests of a process.
inline const crypto::PrivateKey& rsa_key(std::size_t which = 0) {
  static const std::vector<crypto::PrivateKey> kKeys{crypto::PrivateKey::generate(crypto::KeyType::rsa_2048),
                                                     crypto::PrivateKey::generate(crypto::KeyType::rsa_2048),
                                                     crypto::PrivateKey::generate(crypto::KeyType::rsa_2048)};
  return kKeys.at(which);
}

/// Asks the server with openssl-made messages.
class ScepDevice {
 public:
  explicit ScepDevice(ScepServer& server, const crypto::PrivateKey& key = rsa_key())
      : server_(server), signer_{.certificate = *test::self_signed(key, server.clock.now()), .key = key} {}

  std::string csr(const std::string& challenge) const {
    return *crypto::make_request(subject, signer_.key, challenge);
  }
  std::string message(test::ScepRequest request) const {
    if (!request.signing_time) request.signing_time = server_.clock.now();
    return *test::make_scep_message(request, signer_, server_.authority().registrar().certificate);
  }
  test::ScepReply read(const http::Response& response) const {
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.headers.get("Content-Type"), "application/x-pki-message");
    auto reply = test::read_scep_reply(response.body, server_.authority().certificate(), signer_);
    if (!reply) throw std::runtime_error(reply.error().message);
    return std::move(*reply);
  }
  test::ScepReply send(const test::ScepRequest& request) { return read(server_.post(message(request))); }
  test::ScepReply enroll(const std::string& challenge, const std::string& transaction = "1") {
    return send({.content = csr(challenge), .transaction_id = transaction});
  }
  /// From now on the certificate of `reply` signs.
  void adopt(const test::ScepReply& reply) {
    signer_.certificate = *crypto::Certificate::from_der(reply.certificates.at(0));
  }
  const crypto::Signer& signer() const { return signer_; }

  std::vector<crypto::NameAttribute> subject{{"CN", "device"}};

 private:
  ScepServer& server_;
  crypto::Signer signer_;
};

/// A folder for a foreign client, and a shell in it.
class Scratch {
 public:
  Scratch()
      : folder_(std::filesystem::temp_directory_path() / ("mooring-scep-" + crypto::Uuid::random().text())) {
    std::filesystem::create_directories(folder_);
  }
  ~Scratch() { std::filesystem::remove_all(folder_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::filesystem::path write(const std::string& name, const std::string& content) {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }
  std::string read(const std::string& name) const {
    std::ifstream in(folder_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  /// Output of both kinds, then "exit N".
  std::string run(const std::string& command) const {
    FILE* pipe =
        ::popen(fmt::format("cd {} && ({}) 2>&1; echo exit $?", folder_.string(), command).c_str(), "r");
    std::string out;
    char buffer[4096];
    while (const auto count = std::fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, count);
    ::pclose(pipe);
    return out;
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace mooring::scep_test
