// SPDX-License-Identifier: Apache-2.0
// The push certificate that an operator keeps in files (or gives by the environment): stored at start, and
// again when the files change.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "base/clock.hpp"
#include "base/crypto/secret_box.hpp"
#include "base/log.hpp"
#include "base/postgres/pool.hpp"
#include "core/push_certificates.hpp"

namespace mooring::core {

/// Each of the first two is a path, or the PEM text itself.
struct PushCertificateSource {
  std::string certificate;        ///< Empty: there is none. May hold the key as well.
  std::string key;                ///< Empty: beside the certificate.
  std::string key_password_file;  ///< Empty: the key is not encrypted.
  bool operator==(const PushCertificateSource&) const = default;
};

/// As read_push_bundle; also push_certificate.file where a file cannot be read.
Result<PushBundle> read_push_source(const PushCertificateSource& source, Time now);

/// Stores what `source` gives, unless the same is stored already, or one of that topic that lasts longer
/// (uploaded meanwhile). An expired certificate is reported in the log, and nothing else: devices still come
/// by themselves.
Result<> store_push_source(pg::Connection& connection, const crypto::SecretBox& secrets,
                           const PushCertificateSource& source, Time now, Logger& log);

/// Looks every few seconds whether the files have changed.
class PushCertificateWatch {
 public:
  /// The references must outlive it. With a source without files it does nothing.
  PushCertificateWatch(boost::asio::any_io_executor executor, PushCertificateSource source, pg::Pool& pool,
                       const crypto::SecretBox& secrets, const Clock& clock, Logger& log,
                       std::chrono::milliseconds every = std::chrono::seconds(5));
  ~PushCertificateWatch();
  PushCertificateWatch(const PushCertificateWatch&) = delete;
  PushCertificateWatch& operator=(const PushCertificateWatch&) = delete;

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace mooring::core
