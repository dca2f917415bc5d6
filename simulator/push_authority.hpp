// SPDX-License-Identifier: Apache-2.0
// What stands for Apple's certification: the gateway's own TLS certificate, and push certificates.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/crypto/x509.hpp"
#include "base/http/tls.hpp"

namespace mooring::simulator {

class PushAuthority {
 public:
  explicit PushAuthority(const Clock& clock);
  const std::string& root() const { return root_pem_; }  ///< PEM.
  http::TlsIdentity server(const std::string& address) const;
  std::string push_certificate(const std::string& topic, Time not_after) const;  ///< With its key, PEM.
  Time in_a_year() const;

 private:
  crypto::Certificate issue(std::vector<crypto::NameAttribute> subject, const crypto::PrivateKey& key,
                            crypto::Purpose purpose, std::vector<std::string> names, Time not_after) const;
  Time yesterday() const;

  const Clock& clock_;
  crypto::PrivateKey key_;
  crypto::Certificate root_;
  std::string root_pem_;
};

}  // namespace mooring::simulator
