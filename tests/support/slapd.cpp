// SPDX-License-Identifier: Apache-2.0
#include "tests/support/slapd.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>

namespace mooring::test {
namespace {

constexpr const char* kPrograms = "/usr/sbin/slapd";

constexpr const char* kPeople = R"(dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: cn=service,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: service
userPassword: service

dn: uid=ada,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: ada
cn: Ada
sn: twin
userPassword: lovelace

dn: uid=bob (a\2Bb),ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: bob (a+b)
cn: Bob
sn: twin
userPassword: builder
)";

std::string config(const std::filesystem::path& directory) {
  return fmt::format(R"(include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {0}/slapd.pid
TLSCACertificateFile {0}/ca.pem
TLSCertificateFile {0}/server.pem
TLSCertificateKeyFile {0}/server.key
database mdb
suffix "dc=example,dc=org"
rootdn "cn=admin,dc=example,dc=org"
directory {0}/db
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=service,dc=example,dc=org" read by * none
)",
                     directory.string());
}

}  // namespace

bool Slapd::installed() { return std::filesystem::exists(kPrograms); }

Slapd::Slapd() {
  std::filesystem::create_directory(directory_.path() / "db");
  write_certificates();
  directory_.write("slapd.conf", config(directory_.path()));
  directory_.write("people.ldif", kPeople);
}

void Slapd::write_certificates() {
  const auto now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  const auto ca_key = crypto::PrivateKey::generate(crypto::KeyType::ec_p256);
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::ec_p256);
  crypto::NewCertificate content{.subject = {{"CN", "Directory CA"}},
                                 .public_key = ca_key.public_key(),
                                 .not_before = now - std::chrono::hours(1),
                                 .not_after = now + std::chrono::hours(24),
                                 .ca = true};
  const auto ca = crypto::issue(content, {.key = ca_key});
  content.subject = {{"CN", "localhost"}};
  content.public_key = key.public_key();
  content.ca = false;
  content.purpose = crypto::Purpose::server_auth;
  content.dns_names = {"127.0.0.1"};
  const auto server = crypto::issue(content, {.certificate = &*ca, .key = ca_key});
  directory_.write("ca.pem", ca->pem());
  directory_.write("server.pem", server->pem());
  directory_.write("server.key", key.pem());
}

bool Slapd::start() {
  const auto conf = (directory_.path() / "slapd.conf").string();
  if (!std::filesystem::exists(directory_.path() / "db" / "data.mdb")) {
    const auto filled =
        run_program({"/usr/sbin/slapadd", "-f", conf, "-l", directory_.path() / "people.ldif"});
    if (filled.status != 0) {
      ADD_FAILURE() << filled.output;
      return false;
    }
  }
  process_ = std::make_unique<ChildProcess>(
      std::vector<std::string>{kPrograms, "-d", "0", "-f", conf, "-h",
                               fmt::format("ldap://127.0.0.1:{} ldaps://127.0.0.1:{}", port_, tls_port_)},
      directory_.path() / "log");
  return wait_for_port(port_, *process_) && wait_for_port(tls_port_, *process_);
}

std::string Slapd::url() const { return fmt::format("ldap://127.0.0.1:{}", port_); }
std::string Slapd::tls_url() const { return fmt::format("ldaps://127.0.0.1:{}", tls_port_); }

}  // namespace mooring::test
