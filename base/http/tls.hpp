// SPDX-License-Identifier: Apache-2.0
// TLS of listeners and clients: 1.2 and 1.3, what Apple's App Transport Security accepts.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace mooring::http {

struct TlsIdentity {
  std::string certificate_chain;  ///< PEM, leaf first.
  std::string private_key;        ///< PEM, not encrypted.
};

/// The certificate that a listener shows. Replaced while it runs: connections made after `replace` see the
/// new one. Thread-safe.
class TlsContext {
 public:
  struct Impl;

  /// `ask_for_client_certificate`: clients may present any certificate, or none; whoever handles the request
  /// judges it (Request::peer_certificate). TLS only proves that the client holds its key.
  /// Errors: tls.certificate, tls.private_key, tls.mismatch.
  static Result<std::shared_ptr<TlsContext>> make(const TlsIdentity& identity,
                                                  bool ask_for_client_certificate = false);
  explicit TlsContext(std::unique_ptr<Impl> impl);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  Result<> replace(const TlsIdentity& identity);  ///< On failure the present one stays.
  Time not_after() const;                         ///< Of the leaf.
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// Certificate and key in two files, read again when they change.
class TlsFiles {
 public:
  TlsFiles(std::filesystem::path certificate, std::filesystem::path private_key);
  /// Errors: tls.file with the path.
  Result<TlsIdentity> read();
  /// True where a file changed since the last read (by time and size).
  bool changed() const;

 private:
  std::filesystem::path certificate_;
  std::filesystem::path private_key_;
  std::string stamp_;
};

/// What a client trusts and shows.
struct ClientTls {
  std::string trust = {};     ///< PEM of roots; empty: the system's.
  TlsIdentity identity = {};  ///< Client certificate; empty: none.
  bool verify = true;         ///< False only where the peer is pinned otherwise (tests).
  bool resume = true;         ///< A new connection of the same client resumes the last session.
};

}  // namespace mooring::http
