// SPDX-License-Identifier: Apache-2.0
#include "core/enroll/credentials.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/encoding.hpp"

namespace mooring::core::enroll {
namespace {

constexpr std::size_t kLoginThreads = 4;
constexpr std::size_t kLoginsWaiting = 64;
constexpr std::size_t kLongestName = 256;

// A nonce is used with a count that grows. One row for each login, gone soon after it expired.
constexpr pg::Statement kEnrollmentNonceCount{"enrollment_nonce_count", R"(
with expired as (
  select hash from enrollment_nonces where expires_at < $4 limit 100 for update skip locked
), dropped as (
  delete from enrollment_nonces where hash in (select hash from expired)
)
insert into enrollment_nonces as n (hash, count, expires_at) values ($1, $2, $3)
on conflict (hash) do update set count = excluded.count where n.count < excluded.count)"};

std::unexpected<Error> wrong_credentials() {
  return fail(Failure::unauthorized, "auth.wrong", "The name or the password is wrong.");
}

std::unexpected<Error> no_source() {
  return fail(Failure::unavailable, "auth.no_source",
              "This enrollment wants credentials, but the server has nothing to check them against: it needs "
              "--enroll-password-file or --enroll-ldap-url.");
}

/// What a database, a log and a certificate can hold.
bool is_plausible_name(std::string_view user) {
  return !user.empty() && user.size() <= kLongestName && is_utf8(user) &&
         std::ranges::none_of(user, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

std::unexpected<Error> too_many(std::chrono::seconds wait) {
  return fail(Failure::busy, "auth.too_many",
              fmt::format("Too many wrong attempts. Try again in {} minutes.",
                          std::chrono::ceil<std::chrono::minutes>(wait).count()));
}

/// The request's own URI, as sent or absolute: a recorded answer is good for no other.
bool names_target(std::string_view uri, const http::Request& request) {
  if (uri == request.target) return true;
  const auto scheme = uri.find("://");
  if (scheme == std::string_view::npos) return false;
  const auto path = uri.find('/', scheme + 3);
  return path != std::string_view::npos && uri.substr(path) == request.target;
}

}  // namespace

Credentials::Credentials(CredentialOptions options, pg::Pool& pool, const Clock& clock, Logger& log)
    : options_(std::move(options)),
      pool_(pool),
      clock_(clock),
      log_(log),
      nonces_(options_.nonce_key, options_.nonce_lifetime),
      attempts_(options_.limits),
      threads_(kLoginThreads, kLoginsWaiting) {
  if (!options_.password_file.empty()) file_ = std::make_unique<PasswordFile>(options_.password_file);
  if (options_.directory) directory_ = std::make_unique<Directory>(*options_.directory);
}

/// On a login thread. A user of the file is not looked for in the directory.
Result<bool> Credentials::ask_sources(const std::string& user, const std::string& password) {
  if (file_) {
    const auto table = file_->load();
    if (!table) return std::unexpected(table.error());
    if ((*table)->knows(user) || !directory_) return (*table)->check(user, password);
  }
  return directory_->check(user, password);
}

Task<Result<>> Credentials::check(std::string address, std::string user, std::string password) {
  if (!has_source()) co_return no_source();
  if (!is_plausible_name(user)) co_return wrong_credentials();
  if (const auto wait = attempts_.begin(address, user, clock_.now())) co_return too_many(*wait);
  std::function<Result<bool>()> job = [this, user, password] { return ask_sources(user, password); };
  const auto right = co_await threads_.run<bool>(std::move(job));
  if (!right || *right) attempts_.forgive(address, user);
  if (!right) {
    log_.warning("credentials cannot be checked",
                 {{"code", right.error().code}, {"error", right.error().message}});
    co_return std::unexpected(right.error());
  }
  if (*right) co_return Result<>();
  log_.info("wrong credentials for an enrollment", {{"address", address}, {"user", user}});
  co_return wrong_credentials();
}

Task<Result<std::string>> Credentials::basic(const http::Request& request) {
  auto answer = parse_basic(request.headers.get("Authorization"));
  if (!answer) co_return std::unexpected(answer.error());
  const auto checked = co_await check(request.remote_address, answer->user, answer->password);
  if (!checked) co_return std::unexpected(checked.error());
  co_return std::move(answer->user);
}

Task<Result<bool>> Credentials::count_nonce(const DigestAnswer& answer) {
  const auto now = clock_.now();
  pg::Pool::Body<bool> body = [hash = crypto::sha256(answer.nonce), count = std::int64_t{answer.count}, now,
                               expires = now + 2 * nonces_.lifetime()](pg::Connection& db) -> Result<bool> {
    return db.exec(kEnrollmentNonceCount, pg::Bytes{crypto::bytes_of(hash)}, count, expires, now)
               .affected() == 1;
  };
  co_return co_await pool_.run<bool>(std::move(body));
}

Task<Result<std::string>> Credentials::digest(const http::Request& request, bool& stale) {
  auto answer = parse_digest(request.headers.get("Authorization"));
  if (!answer) co_return std::unexpected(answer.error());
  if (!file_) co_return no_source();
  const auto verdict = nonces_.judge(answer->nonce, options_.realm, clock_.now());
  if (verdict == NonceMaker::Verdict::foreign || answer->realm != options_.realm ||
      !names_target(answer->uri, request) || !is_plausible_name(answer->user)) {
    co_return wrong_credentials();
  }
  const auto& address = request.remote_address;
  if (const auto wait = attempts_.begin(address, answer->user, clock_.now())) co_return too_many(*wait);
  std::function<Result<bool>()> job = [this, sent = *answer, method = request.method]() -> Result<bool> {
    const auto table = file_->load();
    if (!table) return std::unexpected(table.error());
    const auto ha1 = (*table)->ha1(sent.user, options_.realm, sent.algorithm);
    return digest_matches(sent, ha1.value_or(std::string(32, '0')), method) && ha1.has_value();
  };
  const auto right = co_await threads_.run<bool>(std::move(job));
  if (!right || *right) attempts_.forgive(address, answer->user);
  if (!right) co_return std::unexpected(right.error());
  if (!*right) {
    log_.info("wrong credentials for an enrollment", {{"address", address}, {"user", answer->user}});
    co_return wrong_credentials();
  }
  // The password is right: an old or used nonce is no reason to ask the person again.
  stale = verdict == NonceMaker::Verdict::stale;
  if (!stale) {
    const auto counted = co_await count_nonce(*answer);
    if (!counted) co_return std::unexpected(counted.error());
    stale = !*counted;
  }
  if (stale) co_return fail(Failure::unauthorized, "auth.stale", "The nonce was used before, or is too old.");
  co_return std::move(answer->user);
}

Task<http::Response> Credentials::challenge(const http::Request& request, Access access, const Error& error,
                                            bool stale) {
  auto response = error.failure == Failure::unauthorized ? http::problem(401, error, request.id)
                  : error.code == "auth.too_many"        ? http::problem(429, error, request.id)
                                                         : http::problem(error, request.id);
  response.headers.set("Cache-Control", "no-store");
  if (response.status == 429) {
    response.headers.set("Retry-After", std::to_string(options_.limits.window.count()));
  }
  if (response.status != 401) co_return response;
  if (access == Access::basic) {
    response.headers.add("WWW-Authenticate", basic_challenge(options_.realm));
    co_return response;
  }
  std::vector<DigestAlgorithm> algorithms{DigestAlgorithm::sha256, DigestAlgorithm::md5};
  if (file_) {
    std::function<Result<std::vector<DigestAlgorithm>>()> job =
        [this]() -> Result<std::vector<DigestAlgorithm>> {
      const auto table = file_->load();
      if (!table) return std::unexpected(table.error());
      return (*table)->algorithms(options_.realm);
    };
    if (auto offered = co_await threads_.run<std::vector<DigestAlgorithm>>(std::move(job))) {
      algorithms = std::move(*offered);
    }
  }
  for (auto& value :
       digest_challenges(options_.realm, nonces_.make(options_.realm, clock_.now()), stale, algorithms)) {
    response.headers.add("WWW-Authenticate", std::move(value));
  }
  co_return response;
}

Task<std::expected<std::string, http::Response>> Credentials::admit(const http::Request& request,
                                                                    Access access) {
  if (access == Access::open) co_return std::string();
  Result<std::string> user =
      fail(Failure::unauthorized, "auth.missing", "Say who you are to enroll this device.");
  bool stale = false;
  if (!has_source() || (access == Access::digest && !file_)) {
    user = no_source();
  } else if (request.headers.has("Authorization")) {
    user = access == Access::basic ? co_await basic(request) : co_await digest(request, stale);
  }
  if (user) co_return std::move(*user);
  co_return std::unexpected(co_await challenge(request, access, user.error(), stale));
}

}  // namespace mooring::core::enroll
