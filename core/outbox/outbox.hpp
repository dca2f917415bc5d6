// SPDX-License-Identifier: Apache-2.0
// What leaves the server by itself: delivers events to webhooks, on a thread and a database connection of its
// own, so that no receiver ever makes a device wait.
//
// Any number of processes may run one: a lock of the session in PostgreSQL gives each webhook to one of them,
// and to another when that one or its connection goes. What was delivered since the last stored cursor, a
// fraction of a second, is then delivered again.
#pragma once

#include <chrono>
#include <memory>

#include "base/clock.hpp"
#include "base/crypto/secret_box.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/postgres/connection.hpp"
#include "core/event_interest.hpp"
#include "core/outbox/delivery_queue.hpp"

namespace mooring::core {

struct OutboxOptions {
  pg::ConnectOptions connect;
  DeliveryPolicy delivery;
  std::chrono::milliseconds timeout{30000};  ///< Of one delivery.
  std::chrono::milliseconds poll{250};       ///< Between looks for events of other processes.
  std::chrono::milliseconds refresh{1000};   ///< Between looks at the consumers, and of their metrics.
};

class Outbox {
 public:
  /// Tells `interest` what the consumers want, at once and whenever it changes. All must outlive the Outbox.
  Outbox(OutboxOptions options, EventInterest& interest, const crypto::SecretBox& secrets, const Clock& clock,
         Logger& log, Metrics& metrics);
  ~Outbox();  ///< Stores what became of deliveries; those under way are forgotten, and made again later.
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// The consumers were changed: look at them now. Returns at once; any thread.
  void refresh();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mooring::core
