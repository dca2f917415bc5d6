// SPDX-License-Identifier: Apache-2.0
#include "core/push.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/encoding.hpp"

namespace mooring::core {
namespace {

constexpr std::size_t kBatch = 500;

constexpr pg::Statement kTargets{"push_targets", R"(
select id, topic, push_magic, push_token from enrollments
where id = any($1) and enabled and push_magic is not null and push_token is not null)"};
constexpr pg::Statement kForgetToken{"push_forget_token",
                                     "update enrollments set push_token = null where id = $1"};

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<int>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

bool token_is_dead(const http::Response& response) {
  return response.status == 410 ||
         (response.status == 400 && response.body.find("BadDeviceToken") != std::string::npos);
}

prometheus::Counter& pushes(Metrics& metrics, const char* result) {
  return metrics.counter("mooring_push_total", "Pushes by what became of them.", {{"result", result}});
}

}  // namespace

Pusher::Pusher(boost::asio::any_io_executor executor, PushOptions options, pg::Pool& pool, const Clock& clock,
               Logger& log, Metrics& metrics)
    : executor_(std::move(executor)),
      options_(std::move(options)),
      pool_(pool),
      clock_(clock),
      log_(log),
      metrics_(metrics) {
  for (const char* result : {"success", "refused", "unregistered", "unreachable", "dropped"})
    pushes(metrics_, result);
  if (options_.url.empty()) return;
  for (std::size_t i = 0; i < options_.in_flight; ++i) {
    clients_.push_back(std::make_unique<http::Client>(executor_, options_.url, std::chrono::seconds(10)));
  }
}

void Pusher::request(std::span<const std::int64_t> enrollments) {
  if (options_.url.empty() || enrollments.empty()) return;
  std::size_t dropped = 0;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto enrollment : enrollments) {
      if (waiting_.size() < options_.max_waiting) {
        waiting_.insert(enrollment);
      } else {
        ++dropped;
      }
    }
    if (running_) enrollments = {};
    running_ = true;
  }
  if (dropped > 0) pushes(metrics_, "dropped").Increment(static_cast<double>(dropped));
  if (!enrollments.empty()) boost::asio::co_spawn(executor_, run(), boost::asio::detached);
}

Task<> Pusher::run() {
  while (true) {
    std::vector<std::int64_t> batch;
    {
      const std::scoped_lock lock(mutex_);
      while (!waiting_.empty() && batch.size() < kBatch) {
        batch.push_back(waiting_.extract(waiting_.begin()).value());
      }
      if (batch.empty()) {
        running_ = false;
        co_return;
      }
    }
    co_await send_batch(std::move(batch));
  }
}

Task<Result<std::vector<Pusher::Target>>> Pusher::load(std::vector<std::int64_t> enrollments) {
  pg::Pool::Body<std::vector<Target>> body = [enrollments =
                                                  std::move(enrollments)](pg::Connection& connection) {
    std::vector<Target> targets;
    for (const auto row : connection.exec(kTargets, enrollments)) {
      targets.push_back({row.int64(0), row.text(1), row.text(2), std::string(row.get<pg::Bytes>(3).view)});
    }
    return Result<std::vector<Target>>(std::move(targets));
  };
  co_return co_await pool_.run<std::vector<Target>>(std::move(body));
}

Task<> Pusher::send_batch(std::vector<std::int64_t> enrollments) {
  auto loaded = co_await load(std::move(enrollments));
  if (!loaded) {
    log_.warning("push tokens could not be read", {{"error", loaded.error().message}});
    co_return;
  }
  const auto targets = std::make_shared<std::vector<Target>>(std::move(*loaded));
  const auto next = std::make_shared<std::size_t>(0);
  const std::size_t lanes = std::min(options_.in_flight, targets->size());
  const auto running = std::make_shared<std::size_t>(lanes);
  if (lanes == 0) co_return;
  // Resumes when the last lane is done; all of them run on the io thread.
  co_await suspend<bool>([&](Completion<bool> done) {
    const auto all_done = std::make_shared<Completion<bool>>(std::move(done));
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      boost::asio::co_spawn(executor_, send_some(targets, next, lane),
                            [running, all_done](std::exception_ptr) {
                              if (--*running == 0) (*all_done)(true);
                            });
    }
  });
}

Task<> Pusher::send_some(std::shared_ptr<std::vector<Target>> targets, std::shared_ptr<std::size_t> next,
                         std::size_t lane) {
  while (*next < targets->size()) {
    Target target = (*targets)[(*next)++];
    auto sent = co_await send(*clients_[lane], std::move(target));
    if (!sent) log_.debug("a push did not go out", {{"error", sent.error().message}});
  }
}

Task<Result<std::string>> Pusher::send(http::Client& client, Target target) {
  http::Request request;
  request.method = "POST";
  request.target = "/3/device/" + to_hex(target.token);
  request.headers.set("content-type", "application/json");
  request.headers.set("apns-topic", target.topic);
  request.headers.set("apns-push-type", "mdm");
  request.headers.set("apns-priority", "10");
  const auto expires = std::chrono::floor<std::chrono::seconds>(clock_.now() + options_.expiration);
  request.headers.set("apns-expiration", std::to_string(expires.time_since_epoch().count()));
  request.body = "{\"mdm\":" + json_text(target.magic) + "}";
  auto response = co_await client.send(std::move(request));
  if (!response) {
    pushes(metrics_, "unreachable").Increment();
    co_return std::unexpected(response.error());
  }
  if (response->status == 200) {
    pushes(metrics_, "success").Increment();
    co_return std::string(response->headers.get("apns-id"));
  }
  if (token_is_dead(*response)) {
    pushes(metrics_, "unregistered").Increment();
    co_await forget_token(target.enrollment);
    co_return fail(
        Failure::conflict, "push.unregistered",
        "the push service no longer knows the device's token: it is not pushed until its next TokenUpdate");
  }
  pushes(metrics_, "refused").Increment();
  co_return fail(
      Failure::unavailable, "push.refused",
      fmt::format("the push service answered {}: {}", response->status, response->body.substr(0, 200)));
}

Task<> Pusher::forget_token(std::int64_t enrollment) {
  pg::Pool::Body<bool> body = [enrollment](pg::Connection& connection) {
    connection.exec(kForgetToken, enrollment);
    return Result<bool>(true);
  };
  co_await pool_.run<bool>(std::move(body));
}

Task<Result<std::string>> Pusher::push_now(std::int64_t enrollment) {
  std::vector<std::int64_t> one{enrollment};
  auto results = co_await push_many(std::move(one));
  co_return std::move(results.front().apns_id);
}

Task<std::vector<PushResult>> Pusher::push_many(std::vector<std::int64_t> enrollments) {
  Result<std::string> initial = fail(Failure::unavailable, "push.not_configured",
                                     "no push service is set: start the server with --push-url");
  if (!options_.url.empty()) {
    initial = fail(Failure::conflict, "push.not_pushable",
                   "the enrollment is disabled or has sent no push token: it comes back with its next "
                   "TokenUpdate");
  }
  std::vector<PushResult> results;
  for (const auto enrollment : enrollments) results.push_back({enrollment, initial});
  if (options_.url.empty()) co_return results;
  auto targets = co_await load(std::move(enrollments));
  // A client of its own: people may push at the same time, and a client carries one request at a time.
  http::Client client(executor_, options_.url, std::chrono::seconds(10));
  for (auto& result : results) {
    if (!targets) {
      result.apns_id = std::unexpected(targets.error());
      continue;
    }
    const auto target = std::ranges::find(*targets, result.enrollment, &Target::enrollment);
    if (target != targets->end()) result.apns_id = co_await send(client, *target);
  }
  co_return results;
}

}  // namespace mooring::core
