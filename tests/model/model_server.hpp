// SPDX-License-Identifier: Apache-2.0
// One of the servers that share the database of a story. It can die between any two commits.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "core/activity.hpp"
#include "core/checkin.hpp"
#include "core/device_endpoint.hpp"
#include "core/payload_cache.hpp"
#include "core/report.hpp"
#include "director/renderer.hpp"
#include "reconciler/reconciler.hpp"
#include "tests/support/test_database.hpp"

namespace mooring::test {

/// What is to go wrong at a commit of a server. Outlives the server that dies of it.
struct CommitFault {
  std::atomic<int> commits{0};  ///< It happens at so many commits from now; 0: not at all.
  std::atomic<bool> after{false};
  std::atomic<bool> dies{true};  ///< Otherwise only the connection to the database breaks.
  std::atomic<bool> dead{false};
  std::atomic<bool> happens_after{false};
  std::atomic<bool> fired{false};  ///< It happened; whoever sees its trace takes this down.

  void arm(int count, bool is_after, bool deadly);
  /// For ConnectOptions::on_commit.
  void reach(pg::CommitPoint point);
  void clear();
};

/// A server's clock: the world's, some seconds off.
class SkewedClock final : public Clock {
 public:
  SkewedClock(const Clock& clock, Duration skew) : clock_(clock), skew_(skew) {}
  Time now() const override { return clock_.now() + skew_; }

 private:
  const Clock& clock_;
  Duration skew_;
};

class ModelServer {
 public:
  struct Hooks {
    std::function<void(reconciler::Stage)> probe;
    reconciler::PushRequest push;
    void (*on_move)(reconciler::ItemState from, reconciler::ItemState to) = nullptr;
  };
  ModelServer(TestDatabase& db, const Clock& clock, const crypto::SecretBox& secrets, Logger& log,
              CommitFault& fault, Hooks hooks);

  Task<Result<http::Response>> dispatch(http::Request request);
  /// Passes until nothing is due. An error: a pass failed.
  Result<std::size_t> reconcile();
  boost::asio::io_context& io() { return io_; }
  const reconciler::Policy& policy() const { return policy_; }

 private:
  pg::ConnectOptions options(bool point_queries = false) const;

  TestDatabase& db_;
  CommitFault& fault_;
  reconciler::Policy policy_;
  boost::asio::io_context io_;
  core::EventInterest interest_;
  pg::Pool pool_;
  core::CheckinStore checkins_;
  core::ReportStore reports_;
  core::PayloadCache payloads_;
  core::Activity activity_;
  core::UnknownDevices unknown_devices_;
  director::Renderer renderer_;
  core::DeviceEndpoint endpoint_;
  std::vector<http::Route> routes_;
  reconciler::Reconciler reconciler_;
  std::unique_ptr<pg::Connection> connection_;
};

}  // namespace mooring::test
