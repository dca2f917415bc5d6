// SPDX-License-Identifier: Apache-2.0
// Who somebody is who wants to enroll: HTTP Basic or Digest at the enrollment URL, or a form. A password file
// is asked first, then the directory.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/crypto/crypto_pool.hpp"
#include "base/http/message.hpp"
#include "base/log.hpp"
#include "base/postgres/pool.hpp"
#include "core/enroll/attempts.hpp"
#include "core/enroll/digest_auth.hpp"
#include "core/enroll/directory.hpp"
#include "core/enroll/password_file.hpp"
#include "core/enroll/settings.hpp"

namespace mooring::core::enroll {

struct CredentialOptions {
  std::filesystem::path password_file = {};        ///< Empty: none.
  std::optional<DirectoryOptions> directory = {};  ///< nullopt: none.
  std::string realm = "Mooring";
  std::string nonce_key;  ///< Secret; the same on all servers of a database.
  std::chrono::seconds nonce_lifetime{300};
  AttemptLimits limits = {};
};

/// For the io thread; passwords are checked on threads of its own.
class Credentials {
 public:
  Credentials(CredentialOptions options, pg::Pool& pool, const Clock& clock, Logger& log);

  /// Who sent the request, as `access` wants it known (empty where that is open), or what to answer: 401 with
  /// WWW-Authenticate, 429, 503. Never for Access::closed.
  Task<std::expected<std::string, http::Response>> admit(const http::Request& request, Access access);
  /// A name and a password from a form. The error is for people; auth.wrong, auth.too_many.
  Task<Result<>> check(std::string address, std::string user, std::string password);

  bool has_source() const { return file_ || directory_; }

 private:
  Task<Result<std::string>> basic(const http::Request& request);
  Task<Result<std::string>> digest(const http::Request& request, bool& stale);
  Task<Result<bool>> count_nonce(const DigestAnswer& answer);
  Task<http::Response> challenge(const http::Request& request, Access access, const Error& error, bool stale);
  Result<bool> ask_sources(const std::string& user, const std::string& password);

  CredentialOptions options_;
  pg::Pool& pool_;
  const Clock& clock_;
  Logger& log_;
  NonceMaker nonces_;
  Attempts attempts_;
  std::unique_ptr<PasswordFile> file_;
  std::unique_ptr<Directory> directory_;
  crypto::CryptoPool threads_;
};

}  // namespace mooring::core::enroll
