// SPDX-License-Identifier: Apache-2.0
// What the demo asks of the server: the REST API and /metrics, as any other client.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace mooring::app {

/// One row of the table.
struct ItemNumbers {
  std::string name;
  std::int64_t desired = 0;
  std::int64_t verified = 0;
  std::int64_t drifted = 0;
  std::int64_t failed = 0;
  double oldest_drift_seconds = 0;

  bool operator==(const ItemNumbers&) const = default;
};

struct ServerNumbers {
  std::vector<ItemNumbers> items;  ///< By name.
  std::int64_t enrolled = 0;
  std::int64_t queued = 0;
  std::int64_t not_now = 0;
  std::int64_t pushes = 0;
  std::int64_t converged = 0;    ///< Times that a device converged on a change, since this server started.
  double converged_seconds = 0;  ///< Of all of them together.
};

/// Reads a page of Prometheus' text format.
ServerNumbers read_numbers(const std::string& page);

struct Drift {
  std::int64_t desired = 0;
  std::int64_t verified = 0;
  std::int64_t drifted = 0;
  std::int64_t failed = 0;
  std::int64_t enrolled = 0;
};

class DemoClient {
 public:
  DemoClient(std::string api_url, std::string token) : url_(std::move(api_url)), token_(std::move(token)) {}

  // Errors of all: what the connection says; demo.api where the answer is not as expected.
  /// Declares it; the PayloadUUID by which a device's store shows this version.
  Result<std::string> put_profile(const std::string& name, const std::string& content) const;
  Result<std::int64_t> assign(const std::string& profile, const std::string& scope) const;
  Result<> end_assignment(std::int64_t id) const;
  /// What the push service of the demo gave: certificate and key, PEM.
  Result<> put_push_certificate(const std::string& pem) const;
  /// Whoever reaches the device listener may have the default enrollment profile.
  Result<> open_enrollment() const;
  Result<Drift> drift() const;
  Result<ServerNumbers> numbers() const;

  const std::string& url() const { return url_; }
  const std::string& token() const { return token_; }

 private:
  std::string url_;
  std::string token_;
};

}  // namespace mooring::app
