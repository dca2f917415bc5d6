// SPDX-License-Identifier: Apache-2.0
// SCEP's messages (RFC 8894 section 3): a SignedData around an EnvelopedData around what is asked. Values
// only, and work for a crypto thread: nothing here waits.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/crypto/cms.hpp"
#include "base/crypto/x509.hpp"
#include "base/result.hpp"

struct evp_cipher_st;
struct ossl_lib_ctx_st;
struct ossl_provider_st;

namespace mooring::core::scep {

/// The number is the messageType attribute.
enum class MessageType : std::uint8_t {
  unknown = 0,
  cert_rep = 3,
  renewal_req = 17,
  update_req = 18,
  pkcs_req = 19,
  cert_poll = 20,
  get_cert = 21,
  get_crl = 22,
};
std::string_view name_of(MessageType type);  ///< "PKCSReq", as in RFC 8894.

/// The number is the failInfo attribute.
enum class FailInfo : std::uint8_t {
  bad_alg = 0,  ///< An algorithm or key that is not allowed.
  bad_message_check =
      1,  ///< A signature that does not hold, content that does not open, a signer without standing.
  bad_request = 2,  ///< Not permitted: challenge, subject, malformed request.
  bad_time = 3,     ///< signingTime is too far from our clock.
  bad_cert_id = 4,  ///< No such certificate.
};
std::string_view name_of(FailInfo info);  ///< "badAlg", as in RFC 8894.

/// Why a message gets a CertRep with status FAILURE. `why` is for the log.
struct Refusal {
  FailInfo info = FailInfo::bad_request;
  std::string why;
};

enum class Hash : std::uint8_t { sha1, sha256, sha384, sha512 };
enum class Cipher : std::uint8_t { des, des3, aes128, aes192, aes256 };

/// Single DES is in OpenSSL's legacy provider, which is loaded into a library context of its own.
class LegacyCiphers {
 public:
  static Result<std::unique_ptr<LegacyCiphers>> load();  ///< Errors: scep.legacy_provider.
  ~LegacyCiphers();
  LegacyCiphers(const LegacyCiphers&) = delete;
  LegacyCiphers& operator=(const LegacyCiphers&) = delete;
  const evp_cipher_st* des() const { return des_; }

 private:
  LegacyCiphers() = default;
  ossl_lib_ctx_st* context_ = nullptr;
  ossl_provider_st* provider_ = nullptr;
  evp_cipher_st* des_ = nullptr;
};

/// Who receives and answers, and what is allowed.
struct Party {
  const crypto::Signer& registrar;  ///< With an RSA key.
  const LegacyCiphers* legacy =
      nullptr;  ///< Where set: DES, 3DES, SHA-1 and RSA keys below 2048 bits are allowed.
};

/// What a PKCS#10 asks for; its own signature is good.
struct CertificateAsk {
  std::vector<crypto::NameAttribute> subject;
  std::string public_key;  ///< DER SubjectPublicKeyInfo.
  std::string challenge;   ///< Empty where it has none.
  bool key_encipherment = false;
};

/// Key of the answer's content, already encrypted for whoever asked.
struct ReplyKey {
  Cipher cipher = Cipher::aes128;
  std::string key;
  std::string encrypted;
  std::string recipient;  ///< DER IssuerAndSerialNumber.
};

struct Message {
  MessageType type = MessageType::unknown;
  std::string transaction_id;
  std::string transaction_value;  ///< The attribute's value as it came, DER.
  std::string sender_nonce;
  std::string signer;      ///< DER certificate.
  std::string signer_key;  ///< DER SubjectPublicKeyInfo.
  Hash hash = Hash::sha256;
  ReplyKey reply_key;
  std::optional<CertificateAsk> ask;         ///< Of PKCSReq, RenewalReq and UpdateReq.
  std::optional<std::string> wanted_issuer;  ///< Of GetCert and GetCRL: DER name.
  std::optional<std::string> wanted_serial;  ///< Of GetCert and GetCRL: bytes, big endian.
  std::optional<Refusal> refusal;            ///< Where set, only what an answer needs is there.
};

/// Verifies, decrypts and reads. An Error (scep.malformed) means that not even a refusal can be addressed: no
/// SCEP message, or one without transactionID.
Result<Message> receive(std::string_view bytes, const Party& party, Time now);

/// How far a signingTime may be from our clock.
inline constexpr std::chrono::hours kSigningTimeSkew{24};

struct Issued {
  std::vector<std::string> certificates;  ///< DER, the one that was asked for first.
  std::string crl;                        ///< DER; empty: none.
};
/// CertRep with status SUCCESS. Errors: scep.internal.
Result<std::string> make_success(const Message& message, const Issued& issued, const Party& party,
                                 const crypto::Certificate& authority);
/// CertRep with status FAILURE.
Result<std::string> make_failure(const Message& message, FailInfo info, const Party& party,
                                 const crypto::Certificate& authority);
/// The subject of a DER certificate, as a DER name; empty where it cannot be read.
std::string subject_name(std::string_view certificate);
/// Certificates alone, as GetCACert answers a chain (RFC 8894 section 4.2.1.2).
std::string certificates_only(const std::vector<std::string>& certificates, std::string_view crl = {});

}  // namespace mooring::core::scep
