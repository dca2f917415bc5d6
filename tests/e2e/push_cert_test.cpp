// SPDX-License-Identifier: Apache-2.0
// `mooring push-cert` as a person runs it, judged by the openssl command; and the files of --push-cert.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "tests/e2e/installation.hpp"
#include "tests/support/push_certificate.hpp"

namespace mooring::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Ran {
  int status = 0;
  std::string output;  ///< Both streams.
};

class PushCert : public ::testing::Test {
 protected:
  PushCert() {
    std::string pattern = (fs::temp_directory_path() / "mooring-push-XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
  }
  ~PushCert() override { fs::remove_all(directory); }

  /// A shell command in the test's directory.
  Ran run(const std::string& command) {
    const std::string line = "cd " + directory.string() + " && { " + command + " ; } 2>&1";
    Ran ran;
    FILE* pipe = ::popen(line.c_str(), "r");  // NOLINT(cert-env33-c): the commands are the test's own
    std::array<char, 4096> buffer{};
    while (const auto count = std::fread(buffer.data(), 1, buffer.size(), pipe))
      ran.output.append(buffer.data(), count);
    const int status = ::pclose(pipe);
    ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return ran;
  }
  Ran mooring(const std::string& arguments) {
    return run(std::string(MOORING_BINARY) + " push-cert " + arguments);
  }
  Ran csr(const std::string& more = {}) {
    return mooring("csr --cn 'Mooring test' --email mdm@example.com --country DE " + more);
  }
  std::string file(const std::string& name) {
    std::ifstream in(directory / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::string& name, const std::string& text) { std::ofstream(directory / name) << text; }

  fs::path directory;
};

// covers: mdm.P06
TEST_F(PushCert, ARequestThatOpensslAccepts) {
  const auto made = csr();
  ASSERT_EQ(made.status, 0) << made.output;
  EXPECT_EQ(run("openssl req -in push.csr -verify -noout").status, 0);
  const auto text = run("openssl req -in push.csr -noout -text").output;
  EXPECT_THAT(text, HasSubstr("(2048 bit)"));
  EXPECT_THAT(text, HasSubstr("sha256WithRSAEncryption"));
  EXPECT_THAT(text, AnyOf(HasSubstr("CN = Mooring test"), HasSubstr("CN=Mooring test")));
  EXPECT_THAT(text, AnyOf(HasSubstr("C = DE"), HasSubstr("C=DE")));
  EXPECT_THAT(text, HasSubstr("mdm@example.com"));
  EXPECT_EQ(run("openssl req -in push.csr -noout -modulus").output,
            run("openssl rsa -in push.key -noout -modulus").output);
}

// covers: mdm.P06
TEST_F(PushCert, TheKeyIsItsOwnersAloneAndNeverWrittenOver) {
  ASSERT_EQ(csr().status, 0);
  struct stat info{};
  ASSERT_EQ(::stat((directory / "push.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  const auto before = file("push.key");
  const auto again = csr();
  EXPECT_NE(again.status, 0);
  EXPECT_THAT(again.output, HasSubstr("push.key"));
  EXPECT_EQ(file("push.key"), before);
}

// covers: mdm.P06
TEST_F(PushCert, TheKeyMayBeEncrypted) {
  write("password", "corr3ct horse\n");
  ASSERT_EQ(csr("--key-password-file password").status, 0);
  EXPECT_THAT(file("push.key"), HasSubstr("BEGIN ENCRYPTED PRIVATE KEY"));
  EXPECT_EQ(run("openssl pkey -in push.key -passin 'pass:corr3ct horse' -noout").status, 0);
  EXPECT_NE(run("openssl pkey -in push.key -passin pass:wrong -noout").status, 0);
}

// covers: mdm.P06
TEST_F(PushCert, WhatCannotBeARequestIsRefused) {
  EXPECT_NE(mooring("csr --cn a --email nobody").status, 0);
  EXPECT_NE(mooring("csr --cn a --email a@b --country Germany").status, 0);
  EXPECT_EQ(mooring("csr --email a@b").status, 2);
  EXPECT_FALSE(fs::exists(directory / "push.key"));
}

// covers: mdm.P06
TEST_F(PushCert, TheVendorsRequestVerifiesWithOpenssl) {
  ASSERT_EQ(csr().status, 0);
  ASSERT_EQ(run("openssl req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -days 30 -subj "
                "/CN=Root && "
                "openssl req -x509 -newkey rsa:2048 -nodes -keyout vendor.key -out vendor.pem -days 30 "
                "-subj '/CN=MDM CSR Signing Certificate'")
                .status,
            0);
  const auto made = mooring(
      "vendor-request --vendor-cert vendor.pem --vendor-key vendor.key --vendor-chain root.pem --out upload");
  ASSERT_EQ(made.status, 0) << made.output;
  const auto xml = from_base64(file("upload"));
  ASSERT_TRUE(xml);
  const auto request = plist::parse_dict(*xml);
  ASSERT_TRUE(request) << request.error().message;
  ASSERT_NE(request->string("PushCertRequestCSR"), nullptr);
  ASSERT_NE(request->string("PushCertSignature"), nullptr);
  ASSERT_NE(request->string("PushCertCertificateChain"), nullptr);
  write("csr.der", *from_base64(*request->string("PushCertRequestCSR")));
  write("signature", *from_base64(*request->string("PushCertSignature")));
  write("chain.pem", *request->string("PushCertCertificateChain"));
  EXPECT_EQ(run("openssl req -in push.csr -outform DER | cmp - csr.der").status, 0);
  EXPECT_EQ(run("openssl x509 -in vendor.pem -noout -pubkey > vendor.pub && "
                "openssl dgst -sha256 -verify vendor.pub -signature signature csr.der")
                .status,
            0);
  EXPECT_EQ(run("openssl x509 -in chain.pem -noout -fingerprint").output,
            run("openssl x509 -in vendor.pem -noout -fingerprint").output);
  EXPECT_EQ(run("grep -c 'BEGIN CERTIFICATE' chain.pem").output, "2\n");
  EXPECT_NE(mooring("vendor-request --vendor-cert root.pem --vendor-key vendor.key").status, 0)
      << "a key of another certificate";
}

// covers: mdm.P05, seed.27
TEST_F(PushCert, UploadAndShowAgainstARunningServer) {
  Installation installation;
  installation.start_server();
  const auto now = SystemClock().now();
  const std::string topic = "com.apple.mgmt.External.verb";
  const std::string pem =
      make_push_certificate({.topic = topic, .not_before = now - 1h, .not_after = now + 24h * 90});
  const auto key = pem.find("-----BEGIN PRIVATE");
  write("cert.pem", pem.substr(0, key));
  write("cert.key", pem.substr(key));
  write("token", installation.token() + "\n");
  const std::string api = " --api " + installation.api_url() + " --token-file token";
  const auto uploaded = mooring("upload --cert cert.pem --key cert.key" + api);
  EXPECT_EQ(uploaded.status, 0) << uploaded.output;
  EXPECT_THAT(uploaded.output, HasSubstr("(89 days)"));
  EXPECT_THAT(uploaded.output, Not(HasSubstr("PRIVATE")));
  const auto shown = mooring("show" + api);
  EXPECT_THAT(shown.output, HasSubstr(topic));
  EXPECT_THAT(shown.output, HasSubstr(simulator::FleetOptions{}.topic)) << "the one of --push-cert";
  EXPECT_NE(mooring("show --topic none" + api).status, 0);
  EXPECT_NE(
      run("MOORING_TOKEN=wrong " MOORING_BINARY " push-cert show --api " + installation.api_url()).status, 0);
  EXPECT_EQ(mooring("upload --cert cert.pem" + api).status, 1) << "no key";
}

// covers: mdm.P05, seed.27
TEST_F(PushCert, AChangedFileIsUsedWithoutARestart) {
  Installation installation;
  installation.start_server();
  const auto stored = [&] {
    return nlohmann::json::parse(installation.get("/v1/push-certificates"))["items"][0]["not_after"]
        .get<std::string>();
  };
  const auto before = stored();
  installation.renew_push_certificate();
  EXPECT_TRUE(installation.wait([&] { return stored() != before; }));
}

}  // namespace
}  // namespace mooring::test
