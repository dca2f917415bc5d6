// SPDX-License-Identifier: Apache-2.0
// Clients that others wrote, as Debian packages them, against the server on a socket.
#include "tests/integration/scep_fixture.hpp"

namespace mooring::scep_test {
namespace {

using testing::HasSubstr;
using testing::Not;

ServerSetup with_static_challenge(bool legacy) {
  return {.options = {.static_challenge = "secret"}, .legacy = legacy};
}

/// micromdm's client (package scep): single DES and SHA-1.
class MicromdmClient {
 public:
  explicit MicromdmClient(const ScepServer& server) : server_(server) {}
  std::string ask(const std::string& arguments) {
    return scratch.run(fmt::format("scepclient -server-url {} -private-key key.pem -certificate cert.pem {}",
                                   server_.url(), arguments));
  }
  Scratch scratch;

 private:
  const ScepServer& server_;
};

// covers: mdm.S03
TEST(ScepClients, MicromdmGetsACertificateWithLegacyAlgorithmsOnly) {
  ScepServer server(with_static_challenge(true));
  MicromdmClient client(server);
  EXPECT_THAT(client.ask("-challenge secret -cn mac"), HasSubstr("pkiStatus=SUCCESS"));
  const auto certificate = crypto::Certificate::from_pem(client.scratch.read("cert.pem"));
  ASSERT_TRUE(certificate);
  EXPECT_EQ(certificate->attribute("CN"), "mac");
  // It renews where it has a certificate, and signs with that.
  EXPECT_THAT(client.ask("-cn mac"), HasSubstr("pkiStatus=SUCCESS"));
  EXPECT_EQ(server.text("select count(*) from certificates where renews is not null"), "1");

  MicromdmClient wrong(server);
  EXPECT_THAT(wrong.ask("-challenge wrong -cn mac"), HasSubstr("failInfo: badRequest"));

  ScepServer modern(with_static_challenge(false));
  MicromdmClient refused(modern);
  EXPECT_THAT(refused.ask("-challenge secret -cn mac"), HasSubstr("failInfo: badAlg"));
}

class StrongSwan {
 public:
  explicit StrongSwan(const ScepServer& server) : server_(server) {
    scratch.write("key.pem", rsa_key(0).pem());
    scratch.write("new.pem", rsa_key(1).pem());
    scratch.write("ca.pem", server.authority().certificate().pem());
    scratch.write("ra.pem", server.authority().registrar().certificate.pem());
  }
  std::string ask(const std::string& arguments) {
    return scratch.run(
        fmt::format("pki --scep --url {} --cacert-enc ra.pem --cacert-sig ra.pem --cacert ca.pem "
                    "--outform pem {}",
                    server_.url(), arguments));
  }
  Scratch scratch;

 private:
  const ScepServer& server_;
};

// covers: mdm.S01, mdm.S03, mdm.S07, seed.06
TEST(ScepClients, StrongSwanNeedsNoFlags) {
  ScepServer server(with_static_challenge(false));
  StrongSwan client(server);
  EXPECT_THAT(client.scratch.run("pki --scepca --url " + server.url() + " --caout got.der"),
              HasSubstr("exit 0"));
  EXPECT_EQ(client.scratch.read("got.der"), server.authority().certificate().der);

  const auto issued = client.ask("--in key.pem --dn 'C=DE, O=Test, CN=swan' --password secret > cert.pem");
  EXPECT_THAT(issued, HasSubstr("Issued certificate is trusted"));
  EXPECT_THAT(issued, HasSubstr("exit 0"));
  EXPECT_THAT(client.ask("--in new.pem --dn 'CN=swan' --password wrong"), HasSubstr("badRequest"));
  EXPECT_THAT(client.ask("--in new.pem --dn 'C=DE, O=Test, CN=swan' --cert cert.pem --key key.pem"),
              HasSubstr("Issued certificate is trusted"));
  EXPECT_EQ(server.text("select count(*) from certificates where renews is not null"), "1");
}

// covers: mdm.S01, mdm.S03
TEST(ScepClients, StrongSwanSpeaksToTheRegistrarOfAnEllipticAuthority) {
  auto setup = with_static_challenge(false);
  setup.authority.key = crypto::KeyType::ec_p256;
  ScepServer server(setup);
  StrongSwan client(server);
  EXPECT_THAT(client.ask("--in key.pem --dn 'CN=swan' --password secret"),
              HasSubstr("Issued certificate is trusted"));
  const auto got =
      client.scratch.run("pki --scepca --url " + server.url() + " --caout ca.der --raout ra.der");
  EXPECT_THAT(got, HasSubstr("exit 0"));
  EXPECT_THAT(got, HasSubstr("RA cert"));
}

// covers: mdm.S03
TEST(ScepClients, CertmongerTakesCapabilitiesCertificatesAndAnIssuedCertificate) {
  ScepServer server(with_static_challenge(false));
  const std::string submit = "/usr/lib/certmonger/scep-submit -u " + server.url();
  Scratch scratch;
  EXPECT_THAT(scratch.run(submit + " -c"), HasSubstr("POSTPKIOperation"));
  const auto ca = server.authority().certificate().pem();
  EXPECT_THAT(scratch.run(submit + " -C"), HasSubstr(ca));

  const ScepDevice device(server);
  const auto send = [&](const std::string& challenge, const std::string& transaction) {
    const auto message = device.message({.content = device.csr(challenge), .transaction_id = transaction});
    scratch.write("message.pem", crypto::pem_of("PKCS7", message));
    scratch.write("ca.pem", ca);
    return scratch.run(submit + " -r ca.pem -N ca.pem -p message.pem");
  };
  const auto issued = send("secret", "t1");
  EXPECT_THAT(issued, HasSubstr("exit 0"));
  EXPECT_THAT(issued, HasSubstr("-----BEGIN PKCS7-----")) << "it has verified the answer's signature";
  const auto refused = send("wrong", "t2");
  EXPECT_THAT(refused, HasSubstr("exit 2"));
  EXPECT_THAT(refused, HasSubstr("not permitted"));
}

}  // namespace
}  // namespace mooring::scep_test
