// SPDX-License-Identifier: Apache-2.0
// Users and their passwords in a file, as htpasswd, htdigest or mkpasswd write it; read again when it
// changes.
//
//   name:$2y$...           crypt(3): bcrypt ($2y$), yescrypt ($y$), SHA-512 ($6$), SHA-256 ($5$); for Basic
//   name:realm:32 digits   HA1 with MD5 (RFC 7616, htdigest): for Digest, and for Basic
//   name:realm:64 digits   HA1 with SHA-256: the same
//
// A user may have several lines. Empty lines and lines that begin with # are skipped.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto/crypto.hpp"
#include "base/result.hpp"
#include "core/enroll/digest_auth.hpp"

namespace mooring::core::enroll {

/// The parsed file. Immutable.
class PasswordTable {
 public:
  /// Errors: password_file.malformed with the number of the line.
  static Result<PasswordTable> parse(std::string_view text);

  bool knows(std::string_view user) const { return users_.contains(user); }
  /// Slow on purpose (crypt): not for the io thread. Takes about as long for unknown users.
  bool check(const std::string& user, const std::string& password) const;
  /// Lower-case hex; nullopt where the user has none for realm and algorithm.
  std::optional<std::string> ha1(std::string_view user, std::string_view realm,
                                 DigestAlgorithm algorithm) const;
  /// What to offer in that realm: clients take the first that they know, so only what all users have.
  std::vector<DigestAlgorithm> algorithms(std::string_view realm) const;

 private:
  struct Entry {
    std::string realm;   ///< Empty: `secret` is a crypt(3) hash.
    std::string secret;  ///< Otherwise lower-case hex HA1.
  };
  std::map<std::string, std::vector<Entry>, std::less<>> users_;
  std::string decoy_;  ///< Some user's hash; empty where there is none.
};

/// Thread-safe.
class PasswordFile {
 public:
  explicit PasswordFile(std::filesystem::path path) : path_(std::move(path)) {}
  /// The file as it is now. Errors: password_file.unreadable and those of parse.
  Result<std::shared_ptr<const PasswordTable>> load();

 private:
  std::filesystem::path path_;
  std::mutex mutex_;
  std::string stamp_;
  std::shared_ptr<const PasswordTable> table_;
};

}  // namespace mooring::core::enroll
