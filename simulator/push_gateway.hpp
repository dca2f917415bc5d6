// SPDX-License-Identifier: Apache-2.0
// APNs for simulated devices: HTTP/2 over TLS with client certificates, the rules, store-and-forward, and
// whatever trouble it is told to make.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "simulator/push_receiver.hpp"

namespace mooring::simulator {

struct PushGatewayOptions {
  std::string listen = "127.0.0.1:0";
  /// How often it looks whether a device with a stored push is back.
  std::chrono::milliseconds redelivery{50};
  std::uint32_t max_streams = 1000;  ///< Of one connection at once, as SETTINGS say.
};

/// One accepted request.
struct Push {
  std::string token;  ///< Raw bytes.
  std::string magic;
  std::string topic;
  std::string push_type;
  std::string priority;
  std::int64_t expiration = 0;  ///< Seconds since 1970; 0: not to be stored.
};

struct PushGatewaySnapshot {
  std::uint64_t requests = 0;
  std::uint64_t accepted = 0;     ///< 200: delivered at once or stored.
  std::uint64_t delivered = 0;    ///< Also later.
  std::uint64_t rejected = 0;     ///< By the rules of APNs.
  std::uint64_t failed = 0;       ///< As planned.
  std::uint64_t connections = 0;  ///< Accepted so far.
  std::size_t stored = 0;         ///< Now; at most one per device.
};

/// A planned answer, instead of the one that would be right.
struct PushFailure {
  int status = 503;
  std::string reason = "ServiceUnavailable";
  std::string retry_after = {};        ///< The field's value; empty: none.
  std::optional<Time> timestamp = {};  ///< Of a 410.
};

/// What is planned may be planned from any thread.
class PushGateway {
 public:
  /// The references must outlive the gateway. Everything else runs on the one thread of `executor`.
  PushGateway(boost::asio::any_io_executor executor, PushGatewayOptions options, PushReceiver& receiver,
              const Clock& clock);
  ~PushGateway();
  PushGateway(const PushGateway&) = delete;
  PushGateway& operator=(const PushGateway&) = delete;

  Result<> start();
  std::string url() const;
  /// PEM of the root that its TLS certificate leads to: what a server needs as --push-trust.
  const std::string& trust() const;
  /// What Apple's portal does: a push certificate for `topic` and its key, as one PEM text. Valid from a day
  /// before now (by the machine's time and by the clock, whichever is earlier) for a year.
  std::string issue_certificate(const std::string& topic) const;
  /// The same with an end of its own, for expired ones.
  std::string issue_certificate(const std::string& topic, Time not_after) const;
  Task<void> drain(std::chrono::milliseconds grace);

  /// The next `count` requests are answered so; none of them is delivered.
  void fail_next(std::size_t count, PushFailure failure);
  /// All requests for this token (raw bytes), until told otherwise by nullopt.
  void fail_token(const std::string& token, std::optional<PushFailure> failure);
  void answer_after(std::chrono::milliseconds pause);  ///< Each request, from now on.
  void go_away();                                      ///< GOAWAY to all connections, now.
  void go_away_before(std::size_t nth);                ///< GOAWAY that leaves out the nth request from now.
  void cut();                                          ///< Closes all connections, now.
  void cut_before(std::size_t nth);                    ///< Closes the connection that brings the nth request.
  void set_max_streams(std::uint32_t count);
  PushGatewaySnapshot snapshot() const;
  std::optional<Push> last() const;  ///< The latest accepted.

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace mooring::simulator
