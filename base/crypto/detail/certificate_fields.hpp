// SPDX-License-Identifier: Apache-2.0
// Where the parts of a certificate stand (RFC 5280 section 4.1). OpenSSL's own object of a certificate
// decodes the key as it is made, and that costs ten times what checking a signature with the key does.
#pragma once

#include <optional>
#include <string_view>

namespace mooring::crypto::detail {

/// Views into the certificate. `whole`: with tag and length.
struct CertificateFields {
  std::string_view serial;      ///< Content of the INTEGER.
  std::string_view issuer;      ///< whole
  std::string_view subject;     ///< whole
  std::string_view public_key;  ///< SubjectPublicKeyInfo, whole.
  std::string_view key_bits;    ///< Of it, the key itself.
  std::string_view extensions;  ///< Content of the SEQUENCE; empty where there is none.
};
/// nullopt where the bytes are not exactly one DER SEQUENCE with these parts in their places.
std::optional<CertificateFields> read_fields(std::string_view certificate);

/// Content of the subject key identifier; empty where the certificate has none.
std::string_view subject_key_identifier(const CertificateFields& fields);

}  // namespace mooring::crypto::detail
