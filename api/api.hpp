// SPDX-License-Identifier: Apache-2.0
// The REST API v1 as routes for an http::Server. openapi.yaml says what each of them takes and answers.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/crypto/cms.hpp"
#include "base/crypto/secret_box.hpp"
#include "base/http/server.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/postgres/pool.hpp"
#include "core/enroll/profiles.hpp"
#include "core/event_interest.hpp"
#include "core/push.hpp"
#include "core/queue.hpp"
#include "reconciler/plan.hpp"

namespace mooring::api {

/// From how many devices a change may remove something without being confirmed: less than `devices`, or at
/// most `percent` of the enrolled ones.
struct RemovalGuard {
  std::int64_t percent = 10;  ///< 100: any change is taken.
  std::int64_t devices = 10;
};

struct ApiDependencies {
  pg::Pool& pool;
  core::Pusher& pusher;
  const crypto::SecretBox& secrets;
  const core::EventInterest& interest;
  const Clock& clock;
  Logger& log;
  Metrics& metrics;
  std::function<void()> ring;               ///< The reconciler's doorbell, rung after the commit of a change.
  std::function<void()> consumers_changed;  ///< Called after the commit: webhooks begin or end at once.
  std::function<bool()> ready;              ///< false while the server starts or drains.
  std::string version;
  const core::enroll::Profiles* enrollment = nullptr;  ///< For /v1/enrollment-profiles.
  /// Who signs enrollment profiles; empty, or null: they go out unsigned.
  std::function<std::shared_ptr<const crypto::Signer>()> profile_signer = {};
  /// Called after the commit with the hashes of certificates, as bytes; empty: nobody is told.
  std::function<void(std::span<const std::string>)> revoked = {};
  Duration first_repush = core::kFirstRepush;  ///< See core/queue.hpp.
  /// What a pass that began now would work with (Reconciler::context).
  std::function<reconciler::PassContext()> pass_context = {};
  RemovalGuard removal_guard = {};
};

/// Must outlive every server that has its routes.
class Api {
 public:
  explicit Api(ApiDependencies dependencies);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  std::vector<http::Route> routes();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mooring::api
