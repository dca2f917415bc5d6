// SPDX-License-Identifier: Apache-2.0
#include "core/enroll/digest_auth.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <map>

#include "base/crypto/crypto.hpp"
#include "base/encoding.hpp"

namespace mooring::core::enroll {
namespace {

constexpr std::size_t kNonceRandom = 12;
constexpr std::size_t kNonceTime = 8;
constexpr std::size_t kNonceMac = 16;

std::unexpected<Error> malformed_credentials(const char* what) {
  return fail(Failure::unauthorized, "auth.malformed", std::string("the Authorization field ") + what);
}

bool has_scheme(std::string_view field, std::string_view scheme) {
  return field.size() > scheme.size() && equal_ignoring_case(field.substr(0, scheme.size()), scheme) &&
         field[scheme.size()] == ' ';
}

std::string seconds_of(Time now) {
  auto seconds = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
  std::string bytes(kNonceTime, '\0');
  for (std::size_t i = 0; i < kNonceTime; ++i) {
    bytes[kNonceTime - 1 - i] = static_cast<char>(seconds & 0xFFU);
    seconds >>= 8U;
  }
  return bytes;
}

std::int64_t seconds_from(std::string_view bytes) {
  std::uint64_t seconds = 0;
  for (const char c : bytes) seconds = seconds << 8U | static_cast<unsigned char>(c);
  return static_cast<std::int64_t>(seconds);
}

/// key=value and key="quoted \" value", separated by commas (RFC 9110 section 11.2).
class ParameterReader {
 public:
  explicit ParameterReader(std::string_view text) : rest_(text) {}

  /// nullopt where the text is broken or names a parameter twice.
  std::optional<std::map<std::string, std::string>> all() {
    std::map<std::string, std::string> parameters;
    for (skip(" \t,"); !rest_.empty(); skip(" \t,")) {
      const auto equals = rest_.find('=');
      if (equals == std::string_view::npos) return std::nullopt;
      auto name = to_lower_ascii(trim(rest_.substr(0, equals)));
      rest_.remove_prefix(equals + 1);
      skip(" \t");
      auto value = rest_.starts_with('"') ? quoted() : token();
      if (!value || name.empty() || !parameters.emplace(std::move(name), std::move(*value)).second) {
        return std::nullopt;
      }
    }
    return parameters;
  }

 private:
  void skip(std::string_view characters) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(characters), rest_.size()));
  }
  std::optional<std::string> token() {
    const auto end = std::min(rest_.find_first_of(" \t,"), rest_.size());
    std::string value(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return value;
  }
  std::optional<std::string> quoted() {
    std::string value;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        return value;
      }
      if (rest_[i] == '\\' && ++i == rest_.size()) break;
      value += rest_[i];
    }
    return std::nullopt;
  }

  std::string_view rest_;
};

std::optional<std::uint32_t> count_of(std::string_view nc) {
  std::uint32_t count = 0;
  const auto [end, error] = std::from_chars(nc.data(), nc.data() + nc.size(), count, 16);
  if (nc.size() != 8 || error != std::errc{} || end != nc.data() + nc.size() || count == 0)
    return std::nullopt;
  return count;
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

std::string_view name_of(DigestAlgorithm algorithm) {
  return algorithm == DigestAlgorithm::sha256 ? "SHA-256" : "MD5";
}

std::string digest_hash(DigestAlgorithm algorithm, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned length = 0;
  EVP_Digest(text.data(), text.size(), out.data(), &length,
             algorithm == DigestAlgorithm::sha256 ? EVP_sha256() : EVP_md5(), nullptr);
  return to_hex({reinterpret_cast<const char*>(out.data()), length});
}

std::string digest_ha1(DigestAlgorithm algorithm, std::string_view user, std::string_view realm,
                       std::string_view password) {
  return digest_hash(algorithm, std::string(user) + ':' + std::string(realm) + ':' + std::string(password));
}

std::string NonceMaker::mac(std::string_view body, std::string_view realm) const {
  const auto text = std::string(body) + std::string(realm);
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned length = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(), &length);
  return {reinterpret_cast<const char*>(out.data()), kNonceMac};
}

std::string NonceMaker::make(std::string_view realm, Time now) const {
  const auto body = seconds_of(now) + crypto::random_bytes(kNonceRandom);
  return to_hex(body + mac(body, realm));
}

NonceMaker::Verdict NonceMaker::judge(std::string_view nonce, std::string_view realm, Time now) const {
  const auto bytes = from_hex(nonce);
  if (!bytes || bytes->size() != kNonceTime + kNonceRandom + kNonceMac) return Verdict::foreign;
  const auto body = std::string_view(*bytes).substr(0, kNonceTime + kNonceRandom);
  if (!crypto::equal_constant_time(std::string_view(*bytes).substr(body.size()), mac(body, realm))) {
    return Verdict::foreign;
  }
  const auto made = seconds_from(body.substr(0, kNonceTime));
  const auto present = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  return present - made > lifetime_.count() || made - present > lifetime_.count() ? Verdict::stale
                                                                                  : Verdict::good;
}

std::vector<std::string> digest_challenges(std::string_view realm, std::string_view nonce, bool stale,
                                           std::span<const DigestAlgorithm> algorithms) {
  std::vector<std::string> challenges;
  for (const auto algorithm : algorithms) {
    challenges.push_back("Digest realm=" + quote(realm) +
                         ", qop=\"auth\", algorithm=" + std::string(name_of(algorithm)) + ", nonce=\"" +
                         std::string(nonce) + '"' + (stale ? ", stale=true" : ""));
  }
  return challenges;
}

std::string basic_challenge(std::string_view realm) {
  return "Basic realm=" + quote(realm) + ", charset=\"UTF-8\"";
}

Result<DigestAnswer> parse_digest(std::string_view authorization) {
  if (!has_scheme(authorization, "Digest")) return malformed_credentials("is not Digest");
  auto parameters = ParameterReader(authorization.substr(7)).all();
  if (!parameters) return malformed_credentials("of Digest is broken");
  auto& p = *parameters;
  for (const auto* needed : {"username", "realm", "nonce", "uri", "response", "cnonce", "nc", "qop"}) {
    if (!p.contains(needed))
      return malformed_credentials("of Digest lacks a parameter of RFC 7616 with qop=auth");
  }
  if (!equal_ignoring_case(p["qop"], "auth"))
    return malformed_credentials("of Digest has another qop than auth");
  const auto algorithm = p.contains("algorithm") ? p["algorithm"] : "MD5";
  const bool sha256 = equal_ignoring_case(algorithm, "SHA-256");
  if (!sha256 && !equal_ignoring_case(algorithm, "MD5")) {
    return malformed_credentials("of Digest has an algorithm that was not offered");
  }
  const auto count = count_of(p["nc"]);
  if (!count) return malformed_credentials("of Digest has a bad nc");
  return DigestAnswer{.user = p["username"],
                      .realm = p["realm"],
                      .nonce = p["nonce"],
                      .uri = p["uri"],
                      .response = to_lower_ascii(p["response"]),
                      .cnonce = p["cnonce"],
                      .nc = p["nc"],
                      .algorithm = sha256 ? DigestAlgorithm::sha256 : DigestAlgorithm::md5,
                      .count = *count};
}

bool digest_matches(const DigestAnswer& answer, std::string_view ha1, std::string_view method) {
  const auto ha2 = digest_hash(answer.algorithm, std::string(method) + ':' + answer.uri);
  const auto expected = digest_hash(answer.algorithm, std::string(ha1) + ':' + answer.nonce + ':' +
                                                          answer.nc + ':' + answer.cnonce + ":auth:" + ha2);
  return crypto::equal_constant_time(expected, answer.response);
}

Result<BasicAnswer> parse_basic(std::string_view authorization) {
  if (!has_scheme(authorization, "Basic")) return malformed_credentials("is not Basic");
  const auto decoded = from_base64(trim(authorization.substr(6)));
  if (!decoded) return malformed_credentials("of Basic is not base64");
  const auto colon = decoded->find(':');
  if (colon == std::string::npos) return malformed_credentials("of Basic has no colon");
  return BasicAnswer{decoded->substr(0, colon), decoded->substr(colon + 1)};
}

}  // namespace mooring::core::enroll
