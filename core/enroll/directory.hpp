// SPDX-License-Identifier: Apache-2.0
// A directory (LDAPv3, RFC 4511) that knows who somebody is: a bind with their password decides.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace mooring::core::enroll {

struct DirectoryOptions {
  std::string url;  ///< ldap://host[:port], ldaps://..., ldapi://...; several with spaces between them.
  bool start_tls = false;  ///< Before anything is sent; a server that refuses is not used.
  std::string trust_file;  ///< PEM of what its certificate must come from; empty: the system's.
  std::string bind_dn;  ///< Template such as "uid={user},ou=people,dc=example,dc=org"; empty: search first.
  std::string search_base;  ///< Where `search_filter` looks for exactly one entry, whose name is then bound.
  std::string search_filter = "(uid={user})";
  std::string service_dn;                   ///< Who searches; empty: nobody in particular (anonymous).
  std::string service_password;             ///< Its password.
  std::chrono::milliseconds timeout{5000};  ///< For each step.
};

/// Whether a password proves who gave it: exactly one of bind_dn and search_base, and {user} in it (in
/// search_filter), or any name would do with one entry's password. Errors: options.ldap.
Result<> check_options(const DirectoryOptions& options);

/// Blocks: not for the io thread. Safe from any thread: every call has a connection of its own.
class Directory {
 public:
  explicit Directory(DirectoryOptions options) : options_(std::move(options)) {}

  /// False where user or password is wrong. Errors: directory.unavailable, directory.refused (the service
  /// account, the filter or TLS), directory.ambiguous (the filter finds several).
  Result<bool> check(const std::string& user, const std::string& password) const;

 private:
  DirectoryOptions options_;
};

/// A value inside a filter (RFC 4515 section 3) and inside a distinguished name (RFC 4514 section 2.4).
std::string escape_filter(std::string_view text);
std::string escape_dn(std::string_view text);

}  // namespace mooring::core::enroll
