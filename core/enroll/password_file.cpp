// SPDX-License-Identifier: Apache-2.0
#include "core/enroll/password_file.hpp"

#include <crypt.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <memory>
#include <sstream>

#include "base/encoding.hpp"

namespace mooring::core::enroll {
namespace {

bool crypt_matches(const std::string& password, const std::string& stored) {
  // crypt(3) ends at a NUL; such a password would match its own beginning.
  if (password.contains('\0')) return false;
  auto data = std::make_unique<crypt_data>();
  const char* made = crypt_r(password.c_str(), stored.c_str(), data.get());
  return made != nullptr && made[0] != '*' && crypto::equal_constant_time(made, stored);
}

bool is_hex_digest(std::string_view text) {
  return (text.size() == 32 || text.size() == 64) &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c) != 0; });
}

bool is_crypt(std::string_view text) {
  static constexpr const char* kForms[] = {"$2a$", "$2b$", "$2y$", "$y$", "$6$", "$5$"};
  return std::ranges::any_of(kForms, [&](const char* form) { return text.starts_with(form); });
}

DigestAlgorithm algorithm_of(const std::string& ha1) {
  return ha1.size() == 64 ? DigestAlgorithm::sha256 : DigestAlgorithm::md5;
}

std::unexpected<Error> malformed_line(std::size_t line, const char* what) {
  return fail(Failure::invalid, "password_file.malformed",
              fmt::format("line {} of the password file {}", line, what));
}

}  // namespace

Result<PasswordTable> PasswordTable::parse(std::string_view text) {
  PasswordTable table;
  std::size_t number = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line.front() == '#') continue;
    const auto first = line.find(':');
    const auto last = line.rfind(':');
    if (first == std::string_view::npos || first == 0) return malformed_line(number, "is not name:hash");
    const std::string user(line.substr(0, first));
    std::string secret(line.substr(last + 1));
    if (first == last) {
      if (!is_crypt(secret)) {
        return malformed_line(number, "has a hash that is none of $2y$, $y$, $6$, $5$ (try htpasswd -B)");
      }
      table.decoy_ = secret;
      table.users_[user].push_back({.realm = "", .secret = std::move(secret)});
      continue;
    }
    if (!is_hex_digest(secret) || last == first + 1) {
      return malformed_line(number, "is not name:realm:HA1 with 32 (MD5) or 64 (SHA-256) hexadecimal digits");
    }
    table.users_[user].push_back(
        {.realm = std::string(line.substr(first + 1, last - first - 1)), .secret = to_lower_ascii(secret)});
  }
  return table;
}

bool PasswordTable::check(const std::string& user, const std::string& password) const {
  const auto found = users_.find(user);
  if (found == users_.end()) {
    // The time must not tell who exists.
    if (!decoy_.empty()) crypt_matches(password, decoy_);
    return false;
  }
  return std::ranges::any_of(found->second, [&](const Entry& entry) {
    if (entry.realm.empty()) return crypt_matches(password, entry.secret);
    return crypto::equal_constant_time(digest_ha1(algorithm_of(entry.secret), user, entry.realm, password),
                                       entry.secret);
  });
}

std::optional<std::string> PasswordTable::ha1(std::string_view user, std::string_view realm,
                                              DigestAlgorithm algorithm) const {
  const auto found = users_.find(user);
  if (found == users_.end()) return std::nullopt;
  for (const auto& entry : found->second) {
    if (!entry.realm.empty() && entry.realm == realm && algorithm_of(entry.secret) == algorithm) {
      return entry.secret;
    }
  }
  return std::nullopt;
}

std::vector<DigestAlgorithm> PasswordTable::algorithms(std::string_view realm) const {
  std::vector<DigestAlgorithm> common;
  for (const auto algorithm : {DigestAlgorithm::sha256, DigestAlgorithm::md5}) {
    const bool everybody = std::ranges::all_of(users_, [&](const auto& user) {
      const bool any =
          ha1(user.first, realm, DigestAlgorithm::md5) || ha1(user.first, realm, DigestAlgorithm::sha256);
      return !any || ha1(user.first, realm, algorithm);
    });
    if (everybody) common.push_back(algorithm);
  }
  if (common.empty()) common = {DigestAlgorithm::sha256, DigestAlgorithm::md5};
  return common;
}

Result<std::shared_ptr<const PasswordTable>> PasswordFile::load() {
  const std::lock_guard lock(mutex_);
  std::error_code error;
  const auto time = std::filesystem::last_write_time(path_, error);
  const auto size = error ? 0 : std::filesystem::file_size(path_, error);
  const auto stamp = fmt::format("{} {}", time.time_since_epoch().count(), size);
  if (!error && table_ && stamp == stamp_) return table_;
  std::ifstream stream(path_, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  if (error || !stream) {
    return fail(Failure::unavailable, "password_file.unreadable",
                fmt::format("cannot read the password file {}", path_.string()));
  }
  auto table = PasswordTable::parse(text.str());
  if (!table) return std::unexpected(table.error());
  table_ = std::make_shared<const PasswordTable>(std::move(*table));
  stamp_ = stamp;
  return table_;
}

}  // namespace mooring::core::enroll
