// SPDX-License-Identifier: Apache-2.0
// The ways into management on the device listener (docs/enrollment.md):
//
//   GET  /enroll, /mdm/enroll, /enroll/{name}          the enrollment profile
//   GET  /ota/enroll, /ota/enroll/{name}               over-the-air enrollment, phase 1
//   POST /ota/phase23                                  ... phases 2 and 3
//   GET  /.well-known/com.apple.remotemanagement       account-driven discovery
//   GET, POST /enroll/{name}/account                   account-driven enrollment
//   GET, POST /enroll/{name}/sign-in                   the page where people sign in for it
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/crypto/cms.hpp"
#include "base/crypto/crypto_pool.hpp"
#include "base/http/server.hpp"
#include "base/metrics.hpp"
#include "core/enroll/credentials.hpp"
#include "core/enroll/profiles.hpp"

namespace mooring::core::enroll {

/// How a profile was asked for: the label `way` of mooring_enrollment_profiles_served_total.
enum class Way : std::uint8_t { download, ota, account };

struct EndpointDependencies {
  pg::Pool& pool;
  crypto::CryptoPool& crypto;
  const Profiles& profiles;
  Credentials& credentials;
  const Clock& clock;
  Logger& log;
  Metrics& metrics;
  /// As Surroundings::device_url; known once the listener is up.
  std::function<std::string()> device_url;
  /// Who signs profiles; asked for each of them. Null: profiles go out unsigned.
  std::function<std::shared_ptr<const crypto::Signer>()> signer;
  /// DER of the authorities that phase 2 of over-the-air enrollment takes devices' own certificates from.
  /// Empty: any signer, since its one-time challenge came from us.
  std::vector<std::string> ota_roots = {};
};

/// For the io thread. Must outlive every server that has its routes.
class EnrollEndpoint {
 public:
  explicit EnrollEndpoint(EndpointDependencies dependencies);
  std::vector<http::Route> routes();

 private:
  Task<http::Response> download(http::Request request);
  Task<http::Response> ota_begin(http::Request request);
  Task<http::Response> ota_phases(http::Request request);
  Task<http::Response> ota_identity(http::Request request, plist::Dict attributes, crypto::Signed message);
  Task<http::Response> ota_offer(http::Request request, std::string name, Applicant applicant, bool whole);
  Task<http::Response> discover(http::Request request);
  Task<http::Response> account(http::Request request);
  Task<http::Response> sign_in_page(http::Request request);
  Task<http::Response> sign_in(http::Request request);

  /// The profile that the path names, and who asks for it; what to answer instead.
  struct Visitor {
    StoredProfile profile;
    std::string user_name;
  };
  Task<std::expected<Visitor, http::Response>> admit(const http::Request& request, Way way);
  Task<Result<StoredProfile>> find(std::string name);
  Task<Result<StoredProfile>> find_account_driven(std::string name);
  Task<Result<std::string>> make_token(std::int16_t kind, std::string profile, std::string user_name,
                                       std::chrono::seconds lifetime);
  struct Token {
    std::string profile, user_name;
  };
  /// `profile`: what the token must be for; empty: any.
  Task<Result<Token>> take_token(std::int16_t kind, std::string profile, std::string token);
  /// Signs where the profile says so.
  Task<http::Response> deliver(const http::Request& request, Way way, Result<MadeProfile> made,
                               std::string name);
  Task<Result<crypto::Signed>> open_signed(std::string body);
  http::Response refuse(const http::Request& request, Way way, const Error& error);
  http::Response bearer_challenge(const http::Request& request, const std::string& name, const Error& error);
  void count(Way way, const char* result);

  EndpointDependencies d_;
};

}  // namespace mooring::core::enroll
