// SPDX-License-Identifier: Apache-2.0
#include "tests/model/model_server.hpp"

namespace mooring::test {

void CommitFault::arm(int count, bool is_after, bool deadly) {
  clear();
  after = is_after;
  dies = deadly;
  commits = count;
}

void CommitFault::clear() {
  commits = 0;
  dead = false;
  happens_after = false;
}

void CommitFault::reach(pg::CommitPoint point) {
  const auto strike = [&] {
    dead = dies.load();
    fired = true;
    throw pg::SqlError("", "the model broke this connection");
  };
  if (dead) strike();
  if (point == pg::CommitPoint::after) {
    if (happens_after.exchange(false)) strike();
    return;
  }
  if (commits == 0 || --commits > 0) return;
  if (after) {
    happens_after = true;
  } else {
    strike();
  }
}

ModelServer::ModelServer(TestDatabase& db, const Clock& clock, const crypto::SecretBox& secrets, Logger& log,
                         CommitFault& fault, Hooks hooks)
    : db_(db),
      fault_(fault),
      interest_(secrets),
      pool_({.connect = options(), .connections = 1}, log, db.metrics),
      checkins_(options(true), pool_, secrets, interest_, clock, log, db.metrics),
      reports_(options(true), interest_, clock, log, db.metrics),
      payloads_(pool_),
      activity_(db.connect_options(), clock, log),
      unknown_devices_(core::UnknownDevicePolicy::ignore, pool_),
      renderer_(pool_, secrets),
      endpoint_(checkins_, reports_, payloads_, activity_, unknown_devices_, nullptr, {}, log, &renderer_),
      routes_(endpoint_.routes()),
      reconciler_({.connect = options(),
                   .policy = policy_,
                   .probe = std::move(hooks.probe),
                   .on_move = hooks.on_move},
                  std::move(hooks.push), clock, log, db.metrics) {
  connection_ = std::make_unique<pg::Connection>(options());
  if (const auto ready = reconciler_.prepare(*connection_); !ready) std::abort();
}

pg::ConnectOptions ModelServer::options(bool point_queries) const {
  auto made = db_.connect_options(point_queries);
  made.statement_timeout_ms = 10000;  // one driver: whoever waits for a lock waits for ever
  made.on_commit = [&fault = fault_](pg::CommitPoint point) { fault.reach(point); };
  return made;
}

Task<Result<http::Response>> ModelServer::dispatch(http::Request request) {
  for (auto& route : routes_) {
    if (route.pattern == request.path() && route.method == request.method) {
      co_return co_await route.handler(std::move(request));
    }
  }
  co_return fail(Failure::not_found, "test.route", request.target);
}

Result<std::size_t> ModelServer::reconcile() {
  std::size_t total = 0;
  while (true) {
    const auto taken = reconciler_.run_once(*connection_);
    if (!taken) {
      connection_ = std::make_unique<pg::Connection>(options());
      return taken;
    }
    if (*taken == 0) return total;
    total += *taken;
  }
}

}  // namespace mooring::test
