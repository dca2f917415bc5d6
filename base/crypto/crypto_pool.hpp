// SPDX-License-Identifier: Apache-2.0
// Threads for signatures and keys. Each has a library context of its own: on the default one OpenSSL 3.0 runs
// two threads no faster than one.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "base/async.hpp"
#include "base/result.hpp"

namespace mooring::crypto {

class CryptoPool {
 public:
  /// `threads` 0: as many as the machine has cores. Beyond `max_waiting` jobs callers get Failure::busy.
  explicit CryptoPool(std::size_t threads = 0, std::size_t max_waiting = 4096);
  ~CryptoPool();
  CryptoPool(const CryptoPool&) = delete;
  CryptoPool& operator=(const CryptoPool&) = delete;

  /// Runs `job` on a crypto thread. An exception becomes Failure::internal.
  template <class T>
  Task<Result<T>> run(std::function<Result<T>()> job) {
    return suspend<Result<T>>([this, job = std::move(job)](Completion<Result<T>> done) mutable {
      auto shared = std::make_shared<Completion<Result<T>>>(std::move(done));
      const bool taken = post([job = std::move(job), shared] {
        Result<T> result = fail(Failure::internal, "crypto.internal", "a cryptographic job failed");
        try {
          result = job();
        } catch (const std::exception& error) {
          result = fail(Failure::internal, "crypto.internal", error.what());
        }
        (*shared)(std::move(result));
      });
      if (!taken) {
        (*shared)(fail(Failure::busy, "crypto.busy", "Too many signatures wait to be checked; try again."));
      }
    });
  }

 private:
  bool post(std::function<void()> job);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mooring::crypto
