// SPDX-License-Identifier: Apache-2.0
#include "core/identity/certificate_header.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "base/encoding.hpp"

namespace mooring::core {
namespace {

constexpr std::string_view kPemBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kPemEnd = "-----END CERTIFICATE-----";

std::unexpected<Error> bad_header(std::string message) {
  return fail(Failure::invalid, "identity.header", std::move(message));
}

Result<std::string> decode(std::string_view base64) {
  auto der = from_base64(base64);
  if (!der || der->empty()) return bad_header("the certificate header holds no base64");
  return std::move(*der);
}

/// PEM in any state of its line ends, or base64 without armour; percent-encoded or not.
Result<std::string> certificate_of_text(std::string_view text) {
  std::string decoded;
  if (text.find('%') != std::string_view::npos) {
    auto plain = percent_decode(text, false);
    if (!plain) return bad_header("the certificate header has a broken percent escape");
    decoded = std::move(*plain);
    text = decoded;
  }
  const auto begin = text.find(kPemBegin);
  if (begin != std::string_view::npos) {
    text.remove_prefix(begin + kPemBegin.size());
    const auto end = text.find(kPemEnd);
    if (end == std::string_view::npos) return bad_header("the certificate header ends within a certificate");
    return decode(text.substr(0, end));
  }
  return decode(text.substr(0, text.find(',')));
}

/// Splits at `separator` outside of quotes; the last piece, or each.
template <class Each>
void split_unquoted(std::string_view text, char separator, Each each) {
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && quoted) {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == separator && !quoted) {
      each(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  each(text.substr(std::min(begin, text.size())));
}

std::string unquote(std::string_view value) {
  value = trim(value);
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return std::string(value);
  value = value.substr(1, value.size() - 2);
  std::string plain;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\\' && i + 1 < value.size()) ++i;
    plain += value[i];
  }
  return plain;
}

/// Envoy's words; a value that begins with one and '=' is no base64 of a certificate (DER begins "MI").
bool is_envoy(std::string_view value) {
  constexpr std::array kWords{"by", "hash", "cert", "chain", "subject", "uri", "dns"};
  const auto equals = value.find('=');
  if (equals == std::string_view::npos) return false;
  const auto word = trim(value.substr(0, equals));
  return std::ranges::any_of(kWords, [&](const char* known) { return equal_ignoring_case(word, known); });
}

Result<std::string> certificate_of_envoy(std::string_view value) {
  std::string_view last;
  split_unquoted(value, ',', [&](std::string_view element) { last = element; });
  std::optional<std::string> certificate;
  std::optional<std::string> chain;
  split_unquoted(last, ';', [&](std::string_view pair) {
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos) return;
    const auto word = trim(pair.substr(0, equals));
    if (equal_ignoring_case(word, "cert")) certificate = unquote(pair.substr(equals + 1));
    if (equal_ignoring_case(word, "chain")) chain = unquote(pair.substr(equals + 1));
  });
  if (!certificate) certificate = std::move(chain);
  if (!certificate) {
    return bad_header("the last element of the certificate header has no Cert: let the proxy forward it");
  }
  return certificate_of_text(*certificate);
}

}  // namespace

Result<std::string> certificate_of_header(std::string_view value) {
  value = trim(value);
  if (value.empty()) return bad_header("the certificate header is empty");
  if (value.starts_with(':')) {
    if (value.size() < 2 || !value.ends_with(':')) {
      return bad_header("the certificate header begins with ':' and does not end with it (RFC 9440)");
    }
    return decode(value.substr(1, value.size() - 2));
  }
  if (is_envoy(value)) return certificate_of_envoy(value);
  return certificate_of_text(value);
}

}  // namespace mooring::core
