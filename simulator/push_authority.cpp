// SPDX-License-Identifier: Apache-2.0
#include "simulator/push_authority.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace mooring::simulator {
namespace {

constexpr auto kYear = std::chrono::hours(24 * 365);

/// What this file asks for can always be issued.
crypto::Certificate must_issue(const crypto::NewCertificate& content, const crypto::Issuer& issuer) {
  auto issued = crypto::issue(content, issuer);
  if (issued) return std::move(*issued);
  std::fprintf(stderr, "simulator: %s\n", issued.error().message.c_str());
  std::abort();
}

crypto::Certificate make_root(const crypto::PrivateKey& key, Time from, Time until) {
  return must_issue({.subject = {{"CN", "Simulated push service"}, {"O", "Mooring simulator"}},
                     .public_key = key.public_key(),
                     .serial = {},
                     .not_before = from,
                     .not_after = until,
                     .ca = true,
                     .dns_names = {}},
                    {.certificate = nullptr, .key = key});
}

}  // namespace

PushAuthority::PushAuthority(const Clock& clock)
    : clock_(clock),
      key_(crypto::PrivateKey::generate(crypto::KeyType::ec_p256)),
      root_(make_root(key_, yesterday(), in_a_year() + 9 * kYear)),
      root_pem_(root_.pem()) {}

// TLS goes by the machine's time, checks at upload by the clock.
Time PushAuthority::yesterday() const {
  return std::min(SystemClock().now(), clock_.now()) - std::chrono::hours(24);
}

Time PushAuthority::in_a_year() const { return std::max(SystemClock().now(), clock_.now()) + kYear; }

crypto::Certificate PushAuthority::issue(std::vector<crypto::NameAttribute> subject,
                                         const crypto::PrivateKey& key, crypto::Purpose purpose,
                                         std::vector<std::string> names, Time not_after) const {
  const Time from = std::min(yesterday(), not_after - std::chrono::hours(24));
  return must_issue({.subject = std::move(subject),
                     .public_key = key.public_key(),
                     .serial = {},
                     .not_before = from,
                     .not_after = not_after,
                     .purpose = purpose,
                     .dns_names = std::move(names)},
                    {.certificate = &root_, .key = key_});
}

http::TlsIdentity PushAuthority::server(const std::string& address) const {
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::ec_p256);
  const auto certificate = issue({{"CN", "api.push.simulated"}}, key, crypto::Purpose::server_auth,
                                 {"localhost", address}, in_a_year());
  return {.certificate_chain = certificate.pem(), .private_key = key.pem()};
}

std::string PushAuthority::push_certificate(const std::string& topic, Time not_after) const {
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::ec_p256);
  const auto certificate = issue({{"UID", topic}, {"CN", "APSP:simulated"}, {"C", "US"}}, key,
                                 crypto::Purpose::client_auth, {}, not_after);
  return certificate.pem() + key.pem();
}

}  // namespace mooring::simulator
