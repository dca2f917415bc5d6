// SPDX-License-Identifier: Apache-2.0
// What SCEP keeps: challenges are looked up and used, certificates are stored. Requests that come together
// share their statements and their commit.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/postgres/batcher.hpp"
#include "core/scep/policy.hpp"

namespace mooring::core::scep {

/// Hashes are SHA-256, as bytes.
struct Question {
  std::string challenge_hash;  ///< Of the challenge; empty: none came.
  std::string transaction_id;
  std::string key_hash;     ///< Of the public key that shall be certified.
  std::string signer_hash;  ///< Of the signer's certificate.
};

struct NewRow {
  std::string lane;  ///< Rows with the same one are stored one after the other.
  crypto::Certificate certificate;
  std::string hash;
  std::string key_hash;
  std::string transaction_id;
  Grant grant;
};

/// done: false where the challenge was used or expired in the meantime, or the certificate that is renewed
/// was revoked.
struct Stored {
  bool done = false;
};

class Store {
 public:
  Store(const pg::ConnectOptions& connect, const Clock& clock, Logger& log, Metrics& metrics);

  Task<Result<Known>> look_up(Question question) { return questions_.submit(std::move(question)); }
  /// Uses the challenge and stores the certificate, both or neither; a certificate that is not stored must
  /// not be given away.
  Task<Result<Stored>> store(NewRow row) { return rows_.submit(std::move(row)); }

 private:
  pg::Batcher<Question, Known> questions_;
  pg::Batcher<NewRow, Stored> rows_;
};

}  // namespace mooring::core::scep
