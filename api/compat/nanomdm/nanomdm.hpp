// SPDX-License-Identifier: Apache-2.0
// NanoMDM's API below /nanomdm, for clients written for it: their base URL becomes http://host:port/nanomdm.
// docs/migrate-from-nanomdm.md says where it differs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "base/clock.hpp"
#include "base/crypto/secret_box.hpp"
#include "base/http/server.hpp"
#include "base/http/tls.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/postgres/pool.hpp"
#include "core/checkin.hpp"
#include "core/push.hpp"
#include "core/queue.hpp"

namespace mooring::api::nanomdm {

struct NanoMdmDependencies {
  boost::asio::any_io_executor executor;
  pg::Pool& pool;
  core::Pusher& pusher;
  const crypto::SecretBox& secrets;
  const Clock& clock;
  Logger& log;
  Metrics& metrics;
  /// Takes a check-in as if its device had sent it, without proof of who sends it.
  std::function<Task<Result<core::CheckinOutcome>>(core::Checkin, plist::Dict, core::MessageContext)> checkin;
  std::function<void()> ring;  ///< The reconciler's doorbell.
  std::string version;
  std::string escrow_key_unlock_url;  ///< Apple's, whole.
  std::string escrow_trust = {};      ///< PEM of roots for it; empty: the system's.
  Duration first_repush = core::kFirstRepush;
};

/// Must outlive every server that has its routes.
class NanoMdm {
 public:
  explicit NanoMdm(NanoMdmDependencies dependencies);
  ~NanoMdm();
  NanoMdm(const NanoMdm&) = delete;
  NanoMdm& operator=(const NanoMdm&) = delete;

  std::vector<http::Route> routes();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mooring::api::nanomdm
