// SPDX-License-Identifier: Apache-2.0
// Wakes devices through APNs, over one kept HTTP/2 connection for each topic. Only a doorbell: what is lost
// here is made up for by the reconciler's schedule and by the device's own poll. docs/push.md explains it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/crypto/secret_box.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/postgres/pool.hpp"
#include "core/push_queue.hpp"

namespace mooring::core {

struct PushOptions {
  /// Of the push service: https://host:port; http:// is HTTP/2 without TLS, where no certificate is needed
  /// (tests and measurements). Empty: nothing is sent.
  std::string url;
  std::string trust;             ///< PEM of the roots that its certificate must lead to; empty: the system's.
  std::int64_t rate = 0;         ///< Pushes in a second at most, over all devices; 0: no limit.
  std::size_t in_flight = 1000;  ///< On one connection, where the service allows as many.
  std::size_t max_waiting = 1'000'000;  ///< Beyond, requests are dropped and counted.
  std::chrono::milliseconds timeout{20000};
  std::chrono::milliseconds ping_after{60000};  ///< Of silence, so that no middle box forgets the connection.
  Duration expiration =
      std::chrono::hours(24 * 7);  ///< How long APNs keeps a push for a device that is away.
  /// How often it looks for the certificate of a topic that has none yet.
  std::chrono::milliseconds certificate_poll{15000};
};

/// What became of one push.
struct PushResult {
  std::int64_t enrollment = 0;
  Result<std::string> apns_id;  ///< As the push service named it.
};

class Pusher {
 public:
  /// The references must outlive it; everything runs on the one thread of `executor`.
  Pusher(boost::asio::any_io_executor executor, PushOptions options, pg::Pool& pool,
         const crypto::SecretBox& secrets, const Clock& clock, Logger& log, Metrics& metrics);
  ~Pusher();
  Pusher(const Pusher&) = delete;
  Pusher& operator=(const Pusher&) = delete;

  /// From any thread, at once. What cannot be pushed (disabled, no token, dead token) is passed over; what
  /// fails is tried again, as far as it makes sense.
  void request(std::span<const std::int64_t> enrollments, PushLane lane = PushLane::urgent);
  /// For people: pushes now and says what became of it. On the thread of `executor`.
  Task<Result<std::string>> push_now(std::int64_t enrollment);
  /// The same for many at once; one result for each, in their order. Codes: push.not_configured (no push
  /// service is set), push.no_certificate (none for the enrollment's topic), push.not_pushable,
  /// push.unregistered, push.certificate_refused, push.refused, push.unavailable.
  Task<std::vector<PushResult>> push_many(std::vector<std::int64_t> enrollments);
  /// Pushes that wait here. On the thread of `executor`.
  std::size_t waiting() const;

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace mooring::core
