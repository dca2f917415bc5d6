// SPDX-License-Identifier: Apache-2.0
// GET /v1/events as server-sent events (WHATWG HTML, "Server-sent events").
#pragma once

#include <chrono>
#include <memory>

#include "base/crypto/secret_box.hpp"
#include "base/http/message.hpp"
#include "base/metrics.hpp"
#include "base/postgres/pool.hpp"
#include "core/event_interest.hpp"

namespace mooring::api {

class EventStreams {
 public:
  EventStreams(pg::Pool& pool, const crypto::SecretBox& secrets, const core::EventInterest& interest,
               Metrics& metrics);
  ~EventStreams();
  EventStreams(const EventStreams&) = delete;
  EventStreams& operator=(const EventStreams&) = delete;

  /// True where the client asks for a stream rather than a list.
  static bool wanted(const http::Request& request);
  /// From Last-Event-ID, ?after= or ?since=, otherwise from now. Ends only with the client or the server.
  /// Errors: those of the list, and Failure::busy where too many streams are open.
  Task<Result<http::Response>> open(std::shared_ptr<const http::Request> request);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace mooring::api
