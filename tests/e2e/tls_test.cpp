// SPDX-License-Identifier: Apache-2.0
// The real server with TLS: where its certificates come from, and how they change while it runs.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <iterator>
#include <thread>

#include "app/demo_process.hpp"
#include "base/crypto/x509.hpp"
#include "base/http/client.hpp"

namespace mooring::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::StartsWith;

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A server with options of its own, in a directory of its own.
class TlsInstallation {
 public:
  TlsInstallation() {
    std::string pattern = (fs::temp_directory_path() / "mooring-tls-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    fs::permissions(directory_, fs::perms::all);
  }
  ~TlsInstallation() {
    server_.reset();
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }

  void start(const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"serve", "--device-identity=off", "--device-listen=127.0.0.1:0",
                                       "--api-listen=127.0.0.1:0", "--data-dir=" + data().string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto started = app::ServerProcess::start({.arguments = arguments,
                                              .log_file = log(),
                                              .expects_token = !fs::exists(data()),
                                              .binary = MOORING_BINARY},
                                             {}, 60s);
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
  }
  void stop() { server_.reset(); }
  void hang_up() const { ::kill(server_->pid(), SIGHUP); }

  fs::path data() const { return directory_ / "data"; }
  fs::path log() const { return directory_ / "server.log"; }
  fs::path file(const char* name) const { return directory_ / name; }
  const app::ServerAnnouncement& says() const { return server_->announcement(); }

  /// Readable by whom the server becomes, as an operator would have to see to.
  void write(const char* name, const std::string& content) const {
    const fs::path written = directory_ / (std::string(name) + ".new");
    std::ofstream(written) << content;
    fs::rename(written, file(name));
  }

 private:
  fs::path directory_;
  std::unique_ptr<app::ServerProcess> server_;
};

bool comes(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(50ms);
  }
  return true;
}

/// True where `url` answers and shows a certificate that leads to `trust`.
bool trusted(const std::string& url, const std::string& trust, const std::string& path = "/mdm") {
  const auto answer = http::fetch(url, {.target = path}, {.timeout = 10s, .tls = {.trust = trust}});
  return answer && answer->status < 500;
}

struct SelfSigned {
  crypto::PrivateKey key = crypto::PrivateKey::generate(crypto::KeyType::ec_p256);
  std::string certificate;
  explicit SelfSigned(const std::string& name) {
    const auto now = SystemClock().now();
    const auto issued = crypto::issue({.subject = {{"CN", name}},
                                       .public_key = key.public_key(),
                                       .not_before = now - 1h,
                                       .not_after = now + 24h,
                                       .purpose = crypto::Purpose::server_auth,
                                       .dns_names = {"127.0.0.1"}},
                                      {.certificate = nullptr, .key = key});
    if (!issued) throw std::runtime_error(issued.error().message);
    certificate = issued->pem();
  }
};

TEST(Tls, TheDeviceAuthorityIssuesACertificateThatARestartKeeps) {
  TlsInstallation mooring;
  mooring.start({"--device-url=https://mdm.example.test/"});
  EXPECT_THAT(mooring.says().device_url, StartsWith("https://"));
  EXPECT_THAT(mooring.says().api_url, StartsWith("http://"));
  const auto kept = mooring.data() / "device-tls.pem";
  EXPECT_EQ(fs::status(kept).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  const auto before = text_of(kept);
  const auto chain = crypto::Certificate::parse_all(before);
  ASSERT_TRUE(chain && chain->size() == 2);
  EXPECT_EQ((*chain)[0].attribute("CN"), "mdm.example.test");
  EXPECT_TRUE(trusted(mooring.says().device_url, (*chain)[1].pem()));
  EXPECT_FALSE(trusted(mooring.says().device_url, SelfSigned("stranger").certificate));

  mooring.stop();
  mooring.start({"--device-url=https://mdm.example.test/"});
  EXPECT_EQ(text_of(kept), before);
  EXPECT_TRUE(trusted(mooring.says().device_url, (*chain)[0].pem())) << "this very certificate";
  mooring.stop();
  mooring.start({"--device-url=https://other.example.test"});
  EXPECT_NE(text_of(kept), before) << "other names need another certificate";
  EXPECT_TRUE(trusted(mooring.says().device_url, (*chain)[1].pem()));
}

TEST(Tls, FilesAreReadAgainWhenTheyChange) {
  TlsInstallation mooring;
  const SelfSigned first("first");
  const SelfSigned second("second");
  const SelfSigned third("third");
  mooring.write("cert.pem", first.certificate);
  mooring.write("key.pem", first.key.pem());
  const auto certificate = mooring.file("cert.pem").string();
  const auto key = mooring.file("key.pem").string();
  mooring.start({"--device-tls-cert=" + certificate, "--device-tls-key=" + key,
                 "--api-tls-cert=" + certificate, "--api-tls-key=" + key});
  EXPECT_THAT(mooring.says().api_url, StartsWith("https://"));
  EXPECT_TRUE(trusted(mooring.says().device_url, first.certificate));
  EXPECT_TRUE(trusted(mooring.says().api_url, first.certificate, "/healthz"));

  mooring.write("key.pem", second.key.pem());
  mooring.hang_up();
  EXPECT_TRUE(comes([&] { return text_of(mooring.log()).contains("TLS certificate not taken"); }));
  EXPECT_TRUE(trusted(mooring.says().device_url, first.certificate)) << "the present one stays";

  mooring.write("cert.pem", second.certificate);
  mooring.hang_up();
  EXPECT_TRUE(comes([&] { return trusted(mooring.says().device_url, second.certificate); }));
  EXPECT_TRUE(comes([&] { return trusted(mooring.says().api_url, second.certificate, "/healthz"); }));

  mooring.write("cert.pem", third.certificate);
  mooring.write("key.pem", third.key.pem());  // And nobody says so.
  EXPECT_TRUE(comes([&] { return trusted(mooring.says().device_url, third.certificate); }));
}

}  // namespace
}  // namespace mooring::test
