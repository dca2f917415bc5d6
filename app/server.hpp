// SPDX-License-Identifier: Apache-2.0
// The composition root: builds every part of `mooring serve` and passes it on. Nothing else knows all rooms.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/options.hpp"
#include "base/result.hpp"

namespace mooring::app {

class Server {
 public:
  /// Starts PostgreSQL where it is embedded, migrates, and listens. `executor`: of the one io thread, which
  /// must run only after this returns.
  static Result<std::unique_ptr<Server>> start(boost::asio::any_io_executor executor, const Options& options,
                                               const Clock& clock, Logger& log, Metrics& metrics);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::string device_url() const;  ///< Of the listener.
  std::string api_url() const;
  /// What devices are told: --device-url, or the listener's.
  std::string public_url() const;
  /// The API token, only when this start made it.
  const std::string& first_token() const;

  /// Reads the certificates of the listeners again; a broken one is logged, and the present one stays.
  void reload_certificates();

  /// Finishes running requests, then stops the loops.
  Task<> drain(std::chrono::milliseconds grace);

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

inline constexpr const char* kVersion = "0.1.0";

}  // namespace mooring::app
