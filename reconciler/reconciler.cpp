// SPDX-License-Identifier: Apache-2.0
#include "reconciler/reconciler.hpp"

#include <algorithm>

#include "base/postgres/pool.hpp"
#include "core/command_metrics.hpp"
#include "core/queue.hpp"
#include "director/inventory.hpp"
#include "reconciler/certificate_turns.hpp"
#include "reconciler/claim.hpp"
#include "reconciler/commit.hpp"
#include "reconciler/information_queries.hpp"
#include "reconciler/load.hpp"

namespace mooring::reconciler {
namespace {

constexpr pg::Statement kPostpone{"reconciler_postpone",
                                  "update reconcile set due_at = $2 where device_id = $1"};
constexpr auto kPostponement = std::chrono::minutes(5);

prometheus::Counter& passes(Metrics& metrics, const char* result) {
  return metrics.counter("mooring_reconcile_passes_total", "Passes of the reconciler.", {{"result", result}});
}

}  // namespace

Reconciler::Reconciler(ReconcilerOptions options, PushRequest push, const Clock& clock, Logger& log,
                       Metrics& metrics)
    : options_(std::move(options)),
      push_(std::move(push)),
      clock_(clock),
      log_(log),
      metrics_(metrics),
      succeeded_(passes(metrics, "success")),
      failed_(passes(metrics, "error")),
      errors_(metrics.counter("mooring_reconcile_errors_total", "Devices whose pass failed.")),
      devices_(metrics.counter("mooring_reconcile_devices_total", "Devices taken by passes.")),
      duration_(metrics.histogram("mooring_reconcile_duration_seconds", "Time of one pass over its batch.",
                                  latency_buckets())),
      converge_(metrics.histogram("mooring_converge_seconds",
                                  "From a declared change to its proof by the device's own lists.",
                                  {0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400, 604800})) {
  core::make_command_counters(metrics_);
}

Reconciler::~Reconciler() { stop(); }

Result<> Reconciler::prepare(pg::Connection& connection) {
  try {
    const auto store = [&](const std::string& command, const char* request_type) {
      return core::store_payload(connection, {.body = command, .request_type = request_type}, clock_.now());
    };
    lists_.profile_list = store(director::profile_list_inventory_command(), "ProfileList");
    lists_.device_information = store(director::device_information_command(), "DeviceInformation");
    lists_.security_info = store(director::security_info_command(), "SecurityInfo");
    lists_.certificate_list = store(director::certificate_list_command(), "CertificateList");
    return {};
  } catch (const pg::SqlError& error) {
    return std::unexpected(pg::to_error(error));
  }
}

void Reconciler::start() {
  thread_ = std::thread([this] { work(); });
}

void Reconciler::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Reconciler::ring() {
  {
    const std::scoped_lock lock(mutex_);
    rung_ = true;
  }
  wake_.notify_one();
}

PassContext Reconciler::context() const {
  return {.now = clock_.now(),
          .policy = options_.policy,
          .profile_list_payload = lists_.profile_list,
          .device_information_payload = lists_.device_information,
          .security_info_payload = lists_.security_info,
          .certificate_list_payload = lists_.certificate_list,
          .on_move = options_.on_move};
}

void Reconciler::work() {
  pg::ConnectionKeeper keeper(options_.connect, log_);
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, options_.poll, [this] { return stopping_ || rung_; });
      if (rung_) wake_.wait_for(lock, options_.gather, [this] { return stopping_; });
      if (stopping_) return;
      rung_ = false;
    }
    bool more = true;
    while (more) {
      {
        const std::scoped_lock lock(mutex_);
        if (stopping_) return;
      }
      auto* connection = keeper.get();
      if (connection == nullptr) break;
      const auto outcome = run_pass(*connection);
      if (!outcome) log_.error("a pass failed", {{"error", outcome.error().message}});
      more = outcome && outcome->more;
    }
  }
}

Result<std::size_t> Reconciler::run_once(pg::Connection& connection) {
  const auto outcome = run_pass(connection);
  if (!outcome) return std::unexpected(outcome.error());
  // A stretch of a sweep may hold no device to look at while others are still to come.
  return outcome->more ? std::max<std::size_t>(outcome->devices, 1) : outcome->devices;
}

Result<Reconciler::Outcome> Reconciler::run_pass(pg::Connection& connection) {
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::int64_t> claimed;  // these survive the roll-back of a failed pass
  bool swept = false;
  try {
    const auto done = pg::in_transaction(connection, [&](pg::Connection& c) -> Result<Pass> {
      Pass work = pass(c, {});
      claimed = work.claimed;
      swept = work.swept;
      plan_batch(c, work);
      return work;
    });
    after(*done);
    succeeded_.Increment();
    duration_.Observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    const auto full = done->claimed.size() >= static_cast<std::size_t>(options_.batch);
    return Outcome{.devices = done->claimed.size(), .more = done->swept || full};
  } catch (const pg::SqlError& error) {
    failed_.Increment();
    if (error.is_connection_lost() || claimed.empty()) return std::unexpected(pg::to_error(error));
    log_.error("a pass failed; its devices are tried one by one", {{"error", error.what()}});
  } catch (const std::exception& error) {
    failed_.Increment();
    if (claimed.empty()) return fail(Failure::internal, "reconciler.pass", error.what());
    log_.error("a pass failed; its devices are tried one by one", {{"error", error.what()}});
  }
  const bool left = swept && leave_stretch(connection);
  const auto isolated = isolate(connection, claimed);
  return Outcome{.devices = isolated, .more = isolated > 0 || left};
}

Reconciler::Pass Reconciler::pass(pg::Connection& connection, std::span<const std::int64_t> only) {
  Pass work;
  if (!only.empty()) {
    for (const auto device : only) {
      if (claim_device(connection, device)) work.claimed.push_back(device);
    }
    return work;
  }
  work.claimed = claim_due(connection, clock_.now(), options_.batch);
  if (!work.claimed.empty()) return work;
  auto sweep = claim_sweep(connection, clock_.now(), options_.batch);
  work.swept = sweep.found;
  work.claimed = std::move(sweep.devices);
  return work;
}

void Reconciler::reached(Stage stage) const {
  if (options_.probe) options_.probe(stage);
}

void Reconciler::plan_batch(pg::Connection& connection, Pass& work) {
  if (work.claimed.empty()) return;
  reached(Stage::claimed);
  auto shared = context();
  auto batch = load(connection, declarations_, work.claimed, shared.now);
  shared.generation = batch.generation;
  shared.facts_decide = batch.facts_decide;
  reached(Stage::loaded);
  CertificateTurns turns(connection, std::max<std::int64_t>(options_.policy.certificate_rate, 1), shared.now);
  if (options_.policy.certificate_rate > 0) {
    shared.certificate_turn = [&turns](std::int32_t item, std::int32_t version) {
      return turns.take(item, version);
    };
  }
  work.plans.reserve(batch.snapshots.size());
  for (const auto& snapshot : batch.snapshots) work.plans.push_back(plan(snapshot, shared));
  turns.store();
  choose_queries(connection, work.plans, shared.now);
  reached(Stage::planned);
  commit(connection, work.plans, shared);
  commit_unchanged(connection, batch.unchanged, batch.generation, batch.groups);
  reached(Stage::committing);
}

void Reconciler::after(const Pass& done) {
  devices_.Increment(static_cast<double>(done.claimed.size()));
  std::vector<std::int64_t> urgent;
  std::vector<std::int64_t> background;
  for (const auto& plan : done.plans) {
    auto& pushes = plan.push_urgent ? urgent : background;
    pushes.insert(pushes.end(), plan.pushes.begin(), plan.pushes.end());
    if (plan.converged_after) converge_.Observe(std::chrono::duration<double>(*plan.converged_after).count());
    for (const auto& command : plan.commands)
      core::commands_counter(metrics_, command.request_type, "queued").Increment();
    for (const auto& cancelled : plan.cancels) {
      core::commands_counter(metrics_, cancelled.request_type, "cancelled").Increment();
    }
  }
  if (push_ && !urgent.empty()) push_(urgent, core::PushLane::urgent);
  if (push_ && !background.empty()) push_(background, core::PushLane::background);
}

/// Nor must it hold up a sweep, which would come back to it again and again.
bool Reconciler::leave_stretch(pg::Connection& connection) {
  try {
    const auto left = pg::in_transaction(connection, [&](pg::Connection& c) -> Result<> {
      reconciler::leave_stretch(c, clock_.now(), options_.batch);
      return {};
    });
    return left.has_value();
  } catch (const pg::SqlError& error) {
    log_.error("a sweep cannot go on", {{"error", error.what()}});
    return false;
  }
}

/// One device that cannot be planned must not hold up its batch.
std::size_t Reconciler::isolate(pg::Connection& connection, std::span<const std::int64_t> devices) {
  std::size_t done = 0;
  for (const auto device : devices) {
    try {
      const std::vector<std::int64_t> one{device};
      const auto finished = pg::in_transaction(connection, [&](pg::Connection& c) -> Result<Pass> {
        Pass work = pass(c, one);
        plan_batch(c, work);
        return work;
      });
      after(*finished);
      ++done;
    } catch (const std::exception& error) {
      errors_.Increment();
      log_.error("no plan for a device; it is postponed", {{"device", device}, {"error", error.what()}});
      postpone(connection, device);
    }
  }
  return done;
}

void Reconciler::postpone(pg::Connection& connection, std::int64_t device) {
  try {
    connection.exec(kPostpone, device, clock_.now() + kPostponement);
  } catch (const pg::SqlError& error) {
    log_.error("cannot postpone a device", {{"device", device}, {"error", error.what()}});
  }
}

}  // namespace mooring::reconciler
