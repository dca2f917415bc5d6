// SPDX-License-Identifier: Apache-2.0
#include "core/enroll/directory.hpp"

#include <fmt/format.h>
#include <ldap.h>

#include <memory>
#include <optional>

#include "base/encoding.hpp"
#include "core/enroll/detail/text.hpp"

namespace mooring::core::enroll {
namespace {

struct Unbind {
  void operator()(LDAP* ldap) const { ldap_unbind_ext_s(ldap, nullptr, nullptr); }
};
using Handle = std::unique_ptr<LDAP, Unbind>;

struct FreeMessage {
  void operator()(LDAPMessage* message) const { ldap_msgfree(message); }
};

timeval to_timeval(std::chrono::milliseconds time) {
  return {.tv_sec = time.count() / 1000, .tv_usec = time.count() % 1000 * 1000};
}

/// Of a failed step: whether the server is away, or does not want us.
std::unexpected<Error> directory_error(LDAP* ldap, const char* step, int code) {
  char* raw = nullptr;
  if (ldap != nullptr) ldap_get_option(ldap, LDAP_OPT_DIAGNOSTIC_MESSAGE, &raw);
  const std::unique_ptr<char, void (*)(void*)> diagnosis(raw, ldap_memfree);
  const bool away = code == LDAP_SERVER_DOWN || code == LDAP_TIMEOUT || code == LDAP_BUSY ||
                    code == LDAP_UNAVAILABLE || code == LDAP_TIMELIMIT_EXCEEDED;
  return fail(Failure::unavailable, away ? "directory.unavailable" : "directory.refused",
              fmt::format("the directory (LDAP) failed to {}: {}{}{}", step, ldap_err2string(code),
                          diagnosis ? ", " : "", diagnosis ? diagnosis.get() : ""));
}

int bind_as(LDAP* ldap, const std::string& dn, const std::string& password) {
  berval secret{.bv_len = password.size(), .bv_val = const_cast<char*>(password.data())};
  return ldap_sasl_bind_s(ldap, dn.c_str(), LDAP_SASL_SIMPLE, &secret, nullptr, nullptr, nullptr);
}

Result<Handle> connect(const DirectoryOptions& options) {
  LDAP* raw = nullptr;
  if (const int code = ldap_initialize(&raw, options.url.c_str()); code != LDAP_SUCCESS) {
    return directory_error(nullptr, "take the URL", code);
  }
  Handle ldap(raw);
  const int version = LDAP_VERSION3;
  const auto timeout = to_timeval(options.timeout);
  const int demand = LDAP_OPT_X_TLS_DEMAND;
  const int own_context = 0;
  ldap_set_option(raw, LDAP_OPT_PROTOCOL_VERSION, &version);
  ldap_set_option(raw, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
  ldap_set_option(raw, LDAP_OPT_NETWORK_TIMEOUT, &timeout);
  ldap_set_option(raw, LDAP_OPT_TIMEOUT, &timeout);
  ldap_set_option(raw, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
  if (!options.trust_file.empty()) {
    ldap_set_option(raw, LDAP_OPT_X_TLS_CACERTFILE, options.trust_file.c_str());
  }
  if (ldap_set_option(raw, LDAP_OPT_X_TLS_NEWCTX, &own_context) != LDAP_OPT_SUCCESS) {
    return fail(Failure::unavailable, "directory.refused",
                "cannot use the trust file for the directory: " + options.trust_file);
  }
  if (options.start_tls) {
    if (const int code = ldap_start_tls_s(raw, nullptr, nullptr); code != LDAP_SUCCESS) {
      return directory_error(raw, "start TLS", code);
    }
  }
  return ldap;
}

/// The name of the one entry that the filter finds; empty where there is none.
Result<std::string> find_entry(LDAP* ldap, const DirectoryOptions& options, const std::string& user) {
  if (const int code = bind_as(ldap, options.service_dn, options.service_password); code != LDAP_SUCCESS) {
    return directory_error(ldap, "let the service account in", code);
  }
  const auto filter = detail::replace_all(options.search_filter, "{user}", escape_filter(user));
  char no_attributes[] = LDAP_NO_ATTRS;
  char* attributes[] = {no_attributes, nullptr};
  auto timeout = to_timeval(options.timeout);
  LDAPMessage* raw = nullptr;
  const int code = ldap_search_ext_s(ldap, options.search_base.c_str(), LDAP_SCOPE_SUBTREE, filter.c_str(),
                                     attributes, 0, nullptr, nullptr, &timeout, 2, &raw);
  const std::unique_ptr<LDAPMessage, FreeMessage> found(raw);
  if (code == LDAP_NO_SUCH_OBJECT) return std::string();
  if (code != LDAP_SUCCESS && code != LDAP_SIZELIMIT_EXCEEDED) return directory_error(ldap, "search", code);
  if (ldap_count_entries(ldap, raw) > 1) {
    return fail(Failure::conflict, "directory.ambiguous",
                "the filter finds more than one entry in the directory: " + options.search_filter);
  }
  auto* entry = ldap_first_entry(ldap, raw);
  if (entry == nullptr) return std::string();
  const std::unique_ptr<char, void (*)(void*)> dn(ldap_get_dn(ldap, entry), ldap_memfree);
  return std::string(dn ? dn.get() : "");
}

}  // namespace

Result<> check_options(const DirectoryOptions& options) {
  const auto bad = [](const char* why) { return fail(Failure::invalid, "options.ldap", why); };
  if (!options.url.starts_with("ldap://") && !options.url.starts_with("ldaps://") &&
      !options.url.starts_with("ldapi://")) {
    return bad("--enroll-ldap-url must begin with ldap://, ldaps:// or ldapi://");
  }
  if (options.bind_dn.empty() == options.search_base.empty()) {
    return bad("--enroll-ldap-url needs --enroll-ldap-bind-dn or --enroll-ldap-search-base, and not both");
  }
  if (!options.bind_dn.empty() && !options.bind_dn.contains("{user}")) {
    return bad("--enroll-ldap-bind-dn must hold {user}: without it any name goes with one entry's password");
  }
  if (options.bind_dn.empty() && !options.search_filter.contains("{user}")) {
    return bad("--enroll-ldap-filter must hold {user}: without it any name goes with one entry's password");
  }
  return {};
}

std::string escape_filter(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '*' || c == '(' || c == ')' || c == '\\' || c == '\0') {
      out += '\\' + to_hex({&c, 1});
    } else {
      out += c;
    }
  }
  return out;
}

std::string escape_dn(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool edge = (i == 0 && (c == ' ' || c == '#')) || (i + 1 == text.size() && c == ' ');
    if (static_cast<unsigned char>(c) < 0x20) {
      out += '\\' + to_hex({&c, 1});
    } else if (edge || std::string_view("\"+,;<>=\\").contains(c)) {
      out += '\\';
      out += c;
    } else {
      out += c;
    }
  }
  return out;
}

Result<bool> Directory::check(const std::string& user, const std::string& password) const {
  // A bind without password succeeds as nobody (RFC 4513 section 5.1.2): it proves nothing.
  if (user.empty() || password.empty() || !is_utf8(user) || user.contains('\0')) return false;
  auto ldap = connect(options_);
  if (!ldap) return std::unexpected(ldap.error());
  auto dn = detail::replace_all(options_.bind_dn, "{user}", escape_dn(user));
  if (dn.empty()) {
    auto found = find_entry(ldap->get(), options_, user);
    if (!found) return std::unexpected(found.error());
    if (found->empty()) return false;
    dn = std::move(*found);
  }
  const int code = bind_as(ldap->get(), dn, password);
  if (code == LDAP_SUCCESS) return true;
  if (code == LDAP_INVALID_CREDENTIALS || code == LDAP_NO_SUCH_OBJECT || code == LDAP_INVALID_DN_SYNTAX ||
      code == LDAP_UNWILLING_TO_PERFORM || code == LDAP_INAPPROPRIATE_AUTH) {
    return false;
  }
  return directory_error(ldap->get(), "check a password", code);
}

}  // namespace mooring::core::enroll
