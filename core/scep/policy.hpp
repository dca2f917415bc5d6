// SPDX-License-Identifier: Apache-2.0
// Who gets a certificate, and what it says. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "core/scep/message.hpp"

namespace mooring::core::scep {

/// The device and the person that a challenge, or the certificate that is renewed, stands for. Empty: not
/// known.
struct Binding {
  std::string udid = {};
  std::string serial_number = {};
  std::string user_name = {};
  std::string enrollment_profile = {};
};

/// What the database knows of a request.
struct Known {
  struct Challenge {
    std::int64_t id = 0;
    bool one_time = true;
    bool used = false;
    Time expires_at;
    Binding binding;
    std::string renews;            ///< Hash of a certificate; empty: none.
    bool renewed_revoked = false;  ///< That one was, since the challenge was made.
  };
  struct Prior {
    std::string der;
    std::optional<std::int64_t> challenge;
    std::string renews;  ///< Hash; empty: it renews none.
  };
  struct Signer {
    std::string der;
    Time not_after;
    bool revoked = false;
    Binding binding;
  };
  std::optional<Challenge> challenge;  ///< By the challenge that came.
  std::optional<Prior> prior;    ///< Issued for the same transactionID and key within kTransactionLifetime.
  std::optional<Signer> signer;  ///< The signer's certificate, where this server issued it.
};

struct EnrollmentPolicy {
  bool static_challenge = false;  ///< The request carries the challenge that the options name.
  Duration renewal_grace =
      std::chrono::hours(0);  ///< After the end of a certificate that may still renew itself.
};

/// A new certificate for what `binding` stands for.
struct Grant {
  std::optional<std::int64_t> challenge;
  bool one_time = false;
  bool renewal = false;  ///< Of Known::Signer.
  Binding binding;
  std::string renews;  ///< Hash of the certificate that this one takes over from; empty: none.
};
/// The certificate of before: the answer was lost on its way.
struct Repeat {
  std::string der;
};
using Decision = std::variant<Grant, Repeat, Refusal>;

Decision decide(const Message& message, const Known& known, const EnrollmentPolicy& policy, Time now);

/// The subject of a certificate: CN, serialNumber, UID, O, OU, L, ST, C, DC, emailAddress as asked for,
/// others left out. Refused: values that are empty, longer than RFC 5280 allows or hold control characters,
/// more than 16 of them, and a UDID or serial number of another device than the binding's. Empty: named after
/// the binding.
std::expected<std::vector<crypto::NameAttribute>, Refusal> subject_of(const CertificateAsk& ask,
                                                                      const Binding& binding);

/// A renewal keeps its subject: the same one is asked for, or none.
std::expected<std::vector<crypto::NameAttribute>, Refusal> renewed_subject(const CertificateAsk& ask,
                                                                           const Binding& binding,
                                                                           const crypto::Certificate& old);

}  // namespace mooring::core::scep
