// SPDX-License-Identifier: Apache-2.0
// APNs for simulated devices: the same requests and answers, over HTTP/1.1 without TLS.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/http/server.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/result.hpp"
#include "simulator/push_receiver.hpp"

namespace mooring::simulator {

struct PushGatewayOptions {
  std::string listen = "127.0.0.1:0";
  /// How often it looks whether a device with a stored push is back.
  std::chrono::milliseconds redelivery{50};
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
  std::uint64_t accepted = 0;   ///< 200: delivered at once or stored.
  std::uint64_t delivered = 0;  ///< Also later.
  std::uint64_t rejected = 0;   ///< By the rules of APNs.
  std::uint64_t failed = 0;     ///< By fail_next.
  std::size_t stored = 0;       ///< Now; at most one per device.
};

class PushGateway {
 public:
  /// The references must outlive the gateway.
  PushGateway(boost::asio::any_io_executor executor, PushGatewayOptions options, PushReceiver& receiver,
              const Clock& clock, Logger& log, Metrics& metrics);
  ~PushGateway();
  PushGateway(const PushGateway&) = delete;
  PushGateway& operator=(const PushGateway&) = delete;

  Result<> start();
  std::string url() const;
  Task<void> drain(std::chrono::milliseconds grace);

  /// The next `count` requests are answered so, e.g. 503 "ServiceUnavailable"; none of them is delivered.
  void fail_next(std::size_t count, int status, std::string reason);
  PushGatewaySnapshot snapshot() const;
  std::optional<Push> last() const;  ///< The latest accepted.

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace mooring::simulator
