// SPDX-License-Identifier: Apache-2.0
#include "core/push.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>
#include <map>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "base/crypto/crypto.hpp"
#include "core/push_topic.hpp"

namespace mooring::core {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kRouteBatch = 1000;
constexpr std::size_t kManyBatch = 500;
constexpr std::chrono::seconds kRoutePause{1};

constexpr pg::Statement kPushRoutes{"push_routes", R"(
select e.id, e.topic, coalesce(a.last_seen_at, e.token_updated_at)
from unnest($1::int8[]) as t(id) join enrollments e on e.id = t.id
left join enrollment_activity a on a.enrollment_id = e.id
where e.enabled and e.topic is not null and e.push_magic is not null and e.push_token is not null)"};

struct PushRoute {
  std::string topic;
  QueuedPush push;
};

std::unexpected<Error> not_pushable() {
  return fail(
      Failure::conflict, "push.not_pushable",
      "the enrollment is disabled, or no push token of it is known to be good: it can be pushed again after "
      "its next TokenUpdate");
}

}  // namespace

using Answers = std::unordered_map<std::int64_t, Result<std::string>>;

struct Pusher::Impl : std::enable_shared_from_this<Pusher::Impl> {
  explicit Impl(PushShared given)
      : shared(std::make_shared<PushShared>(std::move(given))), timer(shared->executor) {}

  void request(std::span<const std::int64_t> enrollments, PushLane lane);
  static Task<> route(std::shared_ptr<Impl> self);
  Task<bool> route_batch(std::vector<std::int64_t> ids, PushLane lane);
  std::vector<std::int64_t> next_batch(PushLane& lane);
  std::shared_ptr<PushTopic> topic(const std::string& name);
  std::size_t waiting();
  void push_all(std::vector<PushTarget> targets, Completion<Answers> done);
  Task<> push_chunk(std::span<PushResult> results);

  std::shared_ptr<PushShared> shared;
  // Of the executor's thread alone:
  asio::steady_timer timer;
  std::map<std::string, std::shared_ptr<PushTopic>> topics;
  // Of any thread, under the mutex:
  std::mutex mutex;
  std::unordered_set<std::int64_t> asked[2];  ///< By lane; not yet routed.
  bool routing = false;
  bool stopped = false;
};

Pusher::Pusher(asio::any_io_executor executor, PushOptions options, pg::Pool& pool,
               const crypto::SecretBox& secrets, const Clock& clock, Logger& log, Metrics& metrics) {
  const auto rate = options.rate;
  std::uint64_t seed = 0;
  std::memcpy(&seed, crypto::random_bytes(sizeof seed).data(), sizeof seed);
  impl_ = std::make_shared<Impl>(PushShared{.executor = std::move(executor),
                                            .options = std::move(options),
                                            .pool = pool,
                                            .secrets = secrets,
                                            .clock = clock,
                                            .log = log,
                                            .metrics = PushMetrics(metrics),
                                            .rate = RateLimit(rate),
                                            .random = Random(seed)});
}

Pusher::~Pusher() {
  {
    const std::scoped_lock lock(impl_->mutex);
    impl_->stopped = true;
  }
  impl_->timer.cancel();
  for (const auto& [name, topic] : impl_->topics) topic->stop();
}

void Pusher::request(std::span<const std::int64_t> enrollments, PushLane lane) {
  impl_->request(enrollments, lane);
}

std::size_t Pusher::waiting() const { return impl_->waiting(); }

std::size_t Pusher::Impl::waiting() {
  std::size_t sum = 0;
  {
    const std::scoped_lock lock(mutex);
    sum = asked[0].size() + asked[1].size();
  }
  for (const auto& [name, each] : topics) sum += each->waiting();
  return sum;
}

void Pusher::Impl::request(std::span<const std::int64_t> enrollments, PushLane lane) {
  if (shared->options.url.empty() || enrollments.empty()) return;
  bool start = false;
  std::size_t dropped = 0;
  {
    const std::scoped_lock lock(mutex);
    if (stopped) return;
    auto& wanted = asked[static_cast<int>(lane)];
    for (const auto enrollment : enrollments) {
      if (asked[0].size() + asked[1].size() < shared->options.max_waiting) {
        wanted.insert(enrollment);
      } else {
        ++dropped;
      }
    }
    start = !std::exchange(routing, true);
  }
  shared->metrics.dropped(dropped);
  if (start) asio::co_spawn(shared->executor, route(shared_from_this()), asio::detached);
}

std::vector<std::int64_t> Pusher::Impl::next_batch(PushLane& lane) {
  std::vector<std::int64_t> batch;
  const std::scoped_lock lock(mutex);
  lane = asked[0].empty() ? PushLane::background : PushLane::urgent;
  auto& wanted = asked[static_cast<int>(lane)];
  while (!wanted.empty() && batch.size() < kRouteBatch)
    batch.push_back(wanted.extract(wanted.begin()).value());
  if (batch.empty() || stopped) routing = false;
  return stopped ? std::vector<std::int64_t>() : batch;
}

/// Brings what was asked for to its topic's queue.
Task<> Pusher::Impl::route(std::shared_ptr<Impl> self) {
  while (true) {
    PushLane lane{};
    auto batch = self->next_batch(lane);
    if (batch.empty()) co_return;
    if (co_await self->route_batch(std::move(batch), lane)) continue;
    self->timer.expires_after(kRoutePause);
    boost::system::error_code ignored;
    co_await self->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

Task<bool> Pusher::Impl::route_batch(std::vector<std::int64_t> ids, PushLane lane) {
  const auto wanted = std::make_shared<std::vector<std::int64_t>>(std::move(ids));
  pg::Pool::Body<std::vector<PushRoute>> body = [wanted, lane](pg::Connection& connection) {
    std::vector<PushRoute> routes;
    for (const auto row : connection.exec(kPushRoutes, *wanted)) {
      routes.push_back({.topic = row.text(1),
                        .push = {.enrollment = row.int64(0),
                                 .lane = lane,
                                 .last_seen = row.get<std::optional<Time>>(2).value_or(Time{})}});
    }
    return Result<std::vector<PushRoute>>(std::move(routes));
  };
  const auto routes = co_await shared->pool.run<std::vector<PushRoute>>(std::move(body));
  if (!routes) {
    shared->log.warning("pushes wait for the database", {{"error", routes.error().message}});
    const std::scoped_lock lock(mutex);
    asked[static_cast<int>(lane)].insert(wanted->begin(), wanted->end());
    co_return false;
  }
  shared->metrics.unpushable(wanted->size() - routes->size());
  std::size_t dropped = 0;
  for (const auto& route : *routes) {
    if (waiting() < shared->options.max_waiting) {
      topic(route.topic)->add(route.push);
    } else {
      ++dropped;
    }
  }
  shared->metrics.dropped(dropped);
  co_return true;
}

std::shared_ptr<PushTopic> Pusher::Impl::topic(const std::string& name) {
  auto& found = topics[name];
  if (!found) found = std::make_shared<PushTopic>(name, shared);
  return found;
}

Task<Result<std::string>> Pusher::push_now(std::int64_t enrollment) {
  std::vector<std::int64_t> one{enrollment};
  auto results = co_await push_many(std::move(one));
  co_return std::move(results.front().apns_id);
}

Task<std::vector<PushResult>> Pusher::push_many(std::vector<std::int64_t> enrollments) {
  const auto impl = impl_;
  const bool configured = !impl->shared->options.url.empty();
  Result<std::string> initial = not_pushable();
  if (!configured) {
    initial = fail(Failure::unavailable, "push.not_configured", "no push service is set: --push-url is off");
  }
  std::vector<PushResult> results;
  results.reserve(enrollments.size());
  for (const auto enrollment : enrollments) results.push_back({enrollment, initial});
  for (std::size_t at = 0; configured && at < results.size(); at += kManyBatch) {
    const auto count = std::min(kManyBatch, results.size() - at);
    co_await impl->push_chunk(std::span(results).subspan(at, count));
  }
  co_return results;
}

Task<> Pusher::Impl::push_chunk(std::span<PushResult> results) {
  std::vector<std::int64_t> ids;
  for (auto& result : results) ids.push_back(result.enrollment);
  auto targets = co_await load_push_targets(shared->pool, std::move(ids));
  if (!targets) {
    for (auto& result : results) result.apns_id = std::unexpected(targets.error());
    co_return;
  }
  if (targets->empty()) co_return;
  const auto answers = co_await suspend<Answers>(
      [this, &targets](Completion<Answers> done) { push_all(std::move(*targets), std::move(done)); });
  for (auto& result : results) {
    if (const auto found = answers.find(result.enrollment); found != answers.end())
      result.apns_id = found->second;
  }
}

/// Each once, by topic; `done` when the last has its answer. All of it on the io thread.
void Pusher::Impl::push_all(std::vector<PushTarget> targets, Completion<Answers> done) {
  struct Collected {
    Answers answers;
    std::size_t expected = 0;
    Completion<Answers> done;
  };
  std::map<std::string, std::vector<PushTarget>> by_topic;
  std::unordered_set<std::int64_t> seen;
  for (auto& target : targets) {
    if (seen.insert(target.enrollment).second) by_topic[target.topic].push_back(std::move(target));
  }
  const auto collected = std::make_shared<Collected>();
  collected->expected = seen.size();
  collected->done = std::move(done);
  const auto collect = [collected](std::int64_t enrollment, Result<std::string> apns_id) {
    collected->answers.emplace(enrollment, std::move(apns_id));
    if (collected->answers.size() == collected->expected) collected->done(std::move(collected->answers));
  };
  for (auto& [name, of_topic] : by_topic) {
    asio::co_spawn(shared->executor, PushTopic::push_now(topic(name), std::move(of_topic), collect),
                   asio::detached);
  }
}

}  // namespace mooring::core
