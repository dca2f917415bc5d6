// SPDX-License-Identifier: Apache-2.0
// Push certificates: what makes this server known to APNs, one for each topic. Read and checked here, sealed
// at rest, and used by every server on the database from the next push on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/crypto/secret_box.hpp"
#include "base/http/tls.hpp"
#include "base/postgres/connection.hpp"
#include "base/result.hpp"

namespace mooring::core {

/// A certificate that passed the checks, with its key.
struct PushBundle {
  std::string topic;  ///< UID of the subject, "com.apple.mgmt...".
  std::string subject;
  Time not_before;
  Time not_after;
  http::TlsIdentity identity;  ///< Chain, leaf first, and the key in the clear.
};

/// PEM of the certificate and its private key in one text, in any order, further certificates of the chain
/// welcome; a missing line break between two blocks is tolerated. `key_password` opens an encrypted key.
/// Errors, all Failure::invalid: push_certificate.malformed, push_certificate.no_key, key.malformed,
/// key.password, push_certificate.mismatch (the key is another certificate's), push_certificate.topic,
/// push_certificate.expired, push_certificate.not_yet_valid.
Result<PushBundle> read_push_bundle(std::string_view pem, std::string_view key_password, Time now);

/// What may be shown of a stored certificate.
struct PushCertificate {
  std::string topic;
  std::int64_t revision = 0;
  std::string certificate;  ///< PEM chain.
  std::string subject;
  Time not_before;
  Time not_after;
  Time uploaded_at;
  std::string failure;  ///< Why the push service refuses it; empty where it does not.
  std::optional<Time> failed_at;
};

struct StoredPushCertificate {
  PushCertificate certificate;
  bool replaced = false;  ///< There was one for the topic before.
  /// Enrolled channels that belong to another topic: pushes made with this certificate do not reach them.
  /// Each line says how many, of which topic, and what follows.
  std::vector<std::string> warnings;
};

/// Stores it as the one of its topic. Within a transaction of the caller.
StoredPushCertificate put_push_certificate(pg::Connection& connection, const crypto::SecretBox& secrets,
                                           const PushBundle& bundle, Time now);
std::vector<PushCertificate> list_push_certificates(pg::Connection& connection);  ///< By topic.
std::optional<PushCertificate> find_push_certificate(pg::Connection& connection, std::string_view topic);
bool delete_push_certificate(pg::Connection& connection, std::string_view topic);

/// What a push needs.
struct PushCredential {
  std::int64_t revision = 0;
  http::TlsIdentity identity;
  Time not_after;
  bool failed = false;  ///< Some server has noted that the push service refuses it.
};
/// Errors: push.no_certificate (Failure::not_found), secret.damaged.
Result<PushCredential> load_push_credential(pg::Connection& connection, const crypto::SecretBox& secrets,
                                            std::string_view topic);
/// Notes why the push service refuses the certificate, or with an empty text that it takes it again; nothing
/// where a newer one was uploaded meanwhile.
void note_push_failure(pg::Connection& connection, std::string_view topic, std::int64_t revision,
                       std::string_view failure, Time now);

}  // namespace mooring::core
