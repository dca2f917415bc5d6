// SPDX-License-Identifier: Apache-2.0
// The enrollment endpoint on a real socket over a real database, and what devices and curl do with it.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/http/client.hpp"
#include "base/plist/plist.hpp"
#include "core/enroll/endpoint.hpp"
#include "core/scep/certificate_authority.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/test_database.hpp"

namespace mooring::test {

inline constexpr const char* kEnrollTopic = "com.apple.mgmt.External.5f1e";

class EnrollFixture {
 public:
  explicit EnrollFixture(core::enroll::CredentialOptions credentials = {},
                         std::vector<std::string> ota_roots = {});
  ~EnrollFixture();
  EnrollFixture(const EnrollFixture&) = delete;
  EnrollFixture& operator=(const EnrollFixture&) = delete;

  /// Stores a profile; the test fails where it is refused.
  void put(const std::string& name, const std::string& json);
  http::Response get(const std::string& target, const std::string& authorization = {});
  http::Response post(const std::string& target, const std::string& body,
                      const std::string& authorization = {});
  /// curl ARGUMENTS URL; the last line of the output is the status.
  Ran curl(std::vector<std::string> arguments, const std::string& target);
  static std::string status_of(const Ran& ran) { return ran.output.substr(ran.output.rfind('\n') + 1); }

  /// A profile's dictionary, whether signed or not.
  static plist::Dict read(const std::string& body);
  static plist::Dict payload(const plist::Dict& profile, std::string_view type);
  static std::string challenge_of(const std::string& body);
  /// One column of the row of that challenge; "-" for NULL, "none" where there is no row.
  std::string challenge_column(const std::string& challenge, const std::string& column);
  double served(const std::string& way, const std::string& result);
  /// As SCEP does: a certificate for that challenge. Returns what signs with it.
  crypto::Signer issue_for(const std::string& challenge);

  TestDatabase db;
  ManualClock clock;
  crypto::SecretBox secrets{crypto::SecretBox::Key{}};
  std::optional<core::CertificateAuthority> authority;
  std::string topic = kEnrollTopic;
  std::string device_url = "https://mdm.example.org";
  std::unique_ptr<core::enroll::Profiles> profiles;

 private:
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  pg::Pool pool_;
  crypto::CryptoPool crypto_{2};
  std::unique_ptr<core::enroll::Credentials> credentials_;
  std::unique_ptr<core::enroll::EnrollEndpoint> endpoint_;
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
};

}  // namespace mooring::test
