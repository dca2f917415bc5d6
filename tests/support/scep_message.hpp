// SPDX-License-Identifier: Apache-2.0
// A device's side of SCEP (RFC 8894), made of OpenSSL's CMS: another implementation than the server's, so
// that one judges the other. Every detail can be asked for wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/crypto/cms.hpp"
#include "base/crypto/x509.hpp"
#include "base/result.hpp"

namespace mooring::test {

struct ScepRequest {
  int message_type = 19;             ///< PKCSReq; 17 RenewalReq, 20 CertPoll, 21 GetCert, 22 GetCRL.
  std::string content;               ///< DER: a PKCS#10, or what the type wants.
  std::string transaction_id = "1";  ///< Empty: the attribute is left out.
  std::string sender_nonce = std::string(16, 'n');
  std::string cipher = "AES-128-CBC";
  std::string digest = "SHA256";
  std::optional<Time> signing_time = {};  ///< Without one OpenSSL writes the present time.
};

/// The signer's certificate must name its key; devices that have none yet use self_signed().
Result<std::string> make_scep_message(const ScepRequest& request, const crypto::Signer& signer,
                                      const crypto::Certificate& recipient);
Result<crypto::Certificate> self_signed(const crypto::PrivateKey& key, Time now);
/// DER IssuerAndSerialNumber of a certificate, for GetCert and GetCRL.
std::string issuer_and_serial(const crypto::Certificate& certificate);

struct ScepReply {
  std::string status;     ///< pkiStatus: "0" success, "2" failure, "3" pending.
  std::string fail_info;  ///< Number as text; empty in a success.
  std::string message_type;
  std::string transaction_id;
  std::string sender_nonce;
  std::string recipient_nonce;
  std::string digest;                     ///< That it was signed with, as OpenSSL calls it.
  std::string signature_algorithm;        ///< Dotted OID.
  std::vector<std::string> certificates;  ///< DER, of the content, in their order.
  std::vector<std::string> attached;      ///< DER, beside the signature.
  std::string crl;                        ///< DER.
};
/// Verifies that `authority` (or what it published for SCEP) signed, and opens the content with the signer of
/// the request. Errors: scep.reply.
Result<ScepReply> read_scep_reply(std::string_view der, const crypto::Certificate& authority,
                                  const crypto::Signer& device);

/// The certificates of a GetCACert answer, by its content type.
Result<std::vector<crypto::Certificate>> read_ca_certificates(std::string_view content_type,
                                                              std::string_view body);

}  // namespace mooring::test
