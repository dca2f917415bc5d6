// SPDX-License-Identifier: Apache-2.0
#include "tests/support/push_certificate.hpp"

#include <stdexcept>

namespace mooring::test {

std::string make_push_certificate(const PushCertificateSpec& spec, const crypto::PrivateKey& key) {
  crypto::NewCertificate content{
      .subject = {{"UID", spec.topic}, {"CN", spec.extra.empty() ? "APSP:test" : spec.extra}, {"C", "US"}},
      .public_key = key.public_key(),
      .serial = {},
      .not_before = spec.not_before,
      .not_after = spec.not_after,
      .purpose = crypto::Purpose::client_auth,
      .dns_names = {}};
  if (spec.topic.empty()) content.subject.erase(content.subject.begin());
  const auto issued = crypto::issue(content, {.certificate = nullptr, .key = key});
  if (!issued) throw std::runtime_error(issued.error().message);
  return issued->pem() + key.pem();
}

}  // namespace mooring::test
