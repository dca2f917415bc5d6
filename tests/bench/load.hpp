// SPDX-License-Identifier: Apache-2.0
// A load generator that costs next to nothing: raw sockets over epoll in one thread, requests prepared as
// bytes, and no more of an answer read than its status and its length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mooring::bench {

struct Reply {
  int status = 0;
  std::string_view body;
};

/// What the connections have to say. One operation is one or more requests, one after the other.
class Scenario {
 public:
  virtual ~Scenario() = default;
  /// The first request of another operation on connection `slot`; nullopt once none is left. The bytes stay
  /// where they are until the next call for the slot.
  virtual std::optional<std::string_view> begin(std::size_t slot) = 0;
  /// The next request of the slot's operation; nullopt: it is complete.
  virtual std::optional<std::string_view> next(std::size_t slot, const Reply& reply) = 0;
};

struct Outcome {
  std::int64_t operations = 0;
  std::int64_t requests = 0;
  std::int64_t errors = 0;  ///< Answers other than 200, and connections that broke.
  double seconds = 0;
  double cpu = 0;                   ///< Seconds of this thread.
  std::vector<double> latencies{};  ///< Milliseconds from request to answer, sorted.
  double percentile(double share) const;
};

/// Keeps one request in flight on each of `connections` keep-alive connections until the scenario ends.
Outcome drive(std::uint16_t port, std::size_t connections, Scenario& scenario);

std::string put_request(std::string_view path, std::string_view content_type, std::string_view body);
std::string post_request(std::string_view path, std::string_view content_type, std::string_view body);
std::string get_request(std::string_view path);

}  // namespace mooring::bench
