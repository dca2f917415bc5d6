// SPDX-License-Identifier: Apache-2.0
// A real OpenLDAP server with a few people in it, for as long as the object lives:
//   uid=ada,ou=people,dc=example,dc=org         password "lovelace"
//   uid=bob (a+b),ou=people,...                 password "builder"; a name that needs escaping
//   cn=service,dc=example,dc=org                password "service"; may search
// Nobody else reads anything; two entries have sn=twin.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/crypto/x509.hpp"
#include "tests/support/child_process.hpp"

namespace mooring::test {

class Slapd {
 public:
  Slapd();

  static bool installed();
  bool start();  ///< False where it does not come up; log() says why.
  void stop() { process_.reset(); }
  // Not by the name localhost: libldap holds the machine's own name against the certificate then.
  std::string url() const;      ///< ldap://, StartTLS offered.
  std::string tls_url() const;  ///< ldaps://
  std::string trust_file() const { return directory_.path() / "ca.pem"; }
  std::string log() const { return directory_.read("log"); }

 private:
  void write_certificates();
  ScratchDirectory directory_;
  std::uint16_t port_ = free_port();
  std::uint16_t tls_port_ = free_port();
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace mooring::test
