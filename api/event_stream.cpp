// SPDX-License-Identifier: Apache-2.0
#include "api/event_stream.hpp"

#include <fmt/format.h>

#include "api/detail/event_view.hpp"
#include "base/encoding.hpp"

namespace mooring::api {
namespace {

using detail::Json;

constexpr int kMostStreams = 100;
constexpr int kEventsOfOnePiece = 100;
/// Events of this server are seen this fast, those of others within kLookEvery.
constexpr auto kListenEvery = std::chrono::milliseconds(100);
constexpr auto kLookEvery = std::chrono::milliseconds(1000);
/// Proxies cut connections on which nothing moves for a minute.
constexpr auto kHeartbeatEvery = std::chrono::seconds(15);

struct StreamOrder {
  core::EventLog log;
  core::EventFilter filter;
  core::Position after;
  bool bodies = false;
};

struct StreamPiece {
  std::string text;
  core::Position end;
  bool more = false;
};

Result<core::Position> stream_start(const http::Request& request, pg::Connection& db,
                                    const StreamOrder& order) {
  std::string cursor(request.headers.get("Last-Event-ID"));
  if (cursor.empty()) {
    const auto after = detail::query_text(request, "after");
    if (!after) return std::unexpected(after.error());
    cursor = after->value_or("");
  }
  if (!cursor.empty()) return detail::position_of(db, order.log, cursor);
  if (order.filter.since) return core::position_before(db, *order.filter.since);
  return core::horizon(db);
}

Result<StreamOrder> read_stream_order(const http::Request& request, pg::Connection& db) {
  StreamOrder order{.log = core::read_event_log(db)};
  auto filter = detail::event_filter_of(request, db);
  if (!filter) return std::unexpected(filter.error());
  order.filter = std::move(*filter);
  const auto bodies = detail::query_flag(request, "bodies");
  if (!bodies) return std::unexpected(bodies.error());
  order.bodies = bodies->value_or(false);
  const auto start = stream_start(request, db, order);
  if (!start) return std::unexpected(start.error());
  order.after = *start;
  return order;
}

StreamPiece next_piece(pg::Connection& db, const StreamOrder& order, const crypto::SecretBox& secrets) {
  const auto page =
      detail::read_events(db, order.log, secrets, order.after, order.filter, kEventsOfOnePiece, order.bodies);
  StreamPiece piece{.end = page.end, .more = page.more};
  for (const auto& event : page.items) {
    piece.text +=
        fmt::format("id: {}\nevent: {}\ndata: {}\n\n", event["cursor"].get_ref<const std::string&>(),
                    event["topic"].get_ref<const std::string&>(),
                    event.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  return piece;
}

}  // namespace

struct EventStreams::Impl {
  Impl(pg::Pool& connections, const crypto::SecretBox& box, const core::EventInterest& events,
       Metrics& metrics)
      : pool(connections),
        secrets(box),
        interest(events),
        count(metrics.gauge("mooring_event_streams", "Open streams of events.")) {}

  static Task<void> run(std::shared_ptr<Impl> self, StreamOrder order, http::BodyWriter& writer);
  Task<bool> wait_for_news(http::BodyWriter& writer, std::uint64_t rings, bool soon);

  pg::Pool& pool;
  const crypto::SecretBox& secrets;
  const core::EventInterest& interest;
  prometheus::Gauge& count;
  int open = 0;  ///< On the io thread only.
};

EventStreams::EventStreams(pg::Pool& pool, const crypto::SecretBox& secrets,
                           const core::EventInterest& interest, Metrics& metrics)
    : impl_(std::make_shared<Impl>(pool, secrets, interest, metrics)) {}

EventStreams::~EventStreams() = default;

bool EventStreams::wanted(const http::Request& request) {
  return to_lower_ascii(request.headers.get("Accept")).find("text/event-stream") != std::string::npos;
}

Task<Result<http::Response>> EventStreams::open(std::shared_ptr<const http::Request> request) {
  if (impl_->open >= kMostStreams) {
    co_return fail(Failure::busy, "event.too_many_streams",
                   fmt::format("{} streams of events are open already", kMostStreams));
  }
  pg::Pool::Body<StreamOrder> read = [request](pg::Connection& db) {
    return read_stream_order(*request, db);
  };
  auto order = co_await impl_->pool.run<StreamOrder>(std::move(read));
  if (!order) co_return std::unexpected(order.error());
  http::Response response;
  response.headers.set("Content-Type", "text/event-stream; charset=utf-8");
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("X-Accel-Buffering", "no");  // nginx would collect it
  response.stream = [self = impl_, order = std::move(*order)](http::BodyWriter& writer) {
    return Impl::run(self, order, writer);
  };
  co_return response;
}

Task<void> EventStreams::Impl::run(std::shared_ptr<Impl> self, StreamOrder order, http::BodyWriter& writer) {
  const auto leave = [](Impl* impl) { impl->count.Set(--impl->open); };
  self->count.Set(++self->open);
  const std::unique_ptr<Impl, decltype(leave)> counted(self.get(), leave);
  if (!co_await writer.write("retry: 2000\n\n")) co_return;
  auto written = std::chrono::steady_clock::now();
  auto seen = self->interest.rings();
  while (true) {
    const auto rings = self->interest.rings();
    pg::Pool::Body<StreamPiece> read = [self, order](pg::Connection& db) -> Result<StreamPiece> {
      return next_piece(db, order, self->secrets);
    };
    const auto piece = co_await self->pool.run<StreamPiece>(std::move(read));
    if (piece) order.after = piece->end;
    std::string text = piece ? piece->text : std::string();
    const auto now = std::chrono::steady_clock::now();
    if (text.empty() && now - written >= kHeartbeatEvery) text = ":\n\n";
    if (!text.empty()) {
      if (!co_await writer.write(std::move(text))) co_return;
      written = now;
    }
    if (piece && piece->more) continue;
    // What rang may be held back by a transaction under way for a moment.
    const bool soon = rings != seen;
    seen = rings;
    if (!co_await self->wait_for_news(writer, rings, soon)) co_return;
  }
}

/// False where the stream is to end.
Task<bool> EventStreams::Impl::wait_for_news(http::BodyWriter& writer, std::uint64_t rings, bool soon) {
  const auto end = std::chrono::steady_clock::now() + (soon ? kListenEvery : kLookEvery);
  while (std::chrono::steady_clock::now() < end) {
    if (!co_await writer.wait(kListenEvery)) co_return false;
    if (interest.rings() != rings) break;
  }
  co_return true;
}

}  // namespace mooring::api
