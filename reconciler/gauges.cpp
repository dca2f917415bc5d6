// SPDX-License-Identifier: Apache-2.0
#include "reconciler/gauges.hpp"

#include <vector>

#include "core/counters.hpp"
#include "core/push_certificates.hpp"

namespace mooring::reconciler {
namespace {

constexpr pg::Statement kGaugeItems{"gauges_items", R"(
select i.name, coalesce(c.desired, 0), coalesce(c.verified, 0), coalesce(c.failed, 0),
       coalesce(w.devices, 0)::int8, w.oldest, coalesce(c.quarantined, 0)
from items i left join item_totals c on c.item_id = i.id
left join lateral (select sum(d.devices) as devices, min(d.since) as oldest from item_drift d
                   where d.item_id = i.id and d.devices > 0) w on true
where i.kind = 1 and i.deleted_at is null)"};
constexpr pg::Statement kGaugePauses{"gauges_pauses", R"(
select count(*) filter (where scope = 0), count(*) filter (where scope = 2), count(*) filter (where scope = 3)
from pauses where until_at is null or until_at > $1)"};
constexpr pg::Statement kGaugeOldest{"gauges_oldest", "select created_at from commands order by id limit 1"};

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

class GaugeWriter {
 public:
  GaugeWriter(Metrics& metrics, Time now) : metrics_(metrics), now_(now) {}

  void items(const pg::Rows& rows) {
    std::vector<Labels> kept;
    for (const auto row : rows) {
      const Labels labels{{"kind", "profile"}, {"item", row.text(0)}};
      kept.push_back(labels);
      set("mooring_item_desired_devices", "Devices that should hold the item.", labels, row.int64(1));
      set("mooring_item_verified_devices", "Devices whose own list proves it.", labels, row.int64(2));
      set("mooring_item_failed_devices", "Devices where it was given up.", labels, row.int64(3));
      set("mooring_item_drifted_devices", "Devices that differ from what is declared.", labels, row.int64(4));
      set("mooring_item_quarantined_devices", "Of those given up: lost again after each of many repairs.",
          labels, row.int64(6));
      const auto oldest = row.get<std::optional<Time>>(5);
      metrics_.gauge("mooring_item_drift_oldest_seconds", "Age of the oldest drift.", labels)
          .Set(oldest ? std::max(0.0, seconds(now_ - *oldest)) : 0.0);
    }
    for (const char* name : {"mooring_item_desired_devices", "mooring_item_verified_devices",
                             "mooring_item_failed_devices", "mooring_item_quarantined_devices",
                             "mooring_item_drifted_devices", "mooring_item_drift_oldest_seconds"}) {
      metrics_.retain_gauges(name, kept);
    }
  }

  void totals(pg::Connection& connection) {
    const auto counters = core::read_counters(connection);
    const auto value = [&](std::string_view name) {
      const auto found = counters.find(name);
      return found == counters.end() ? std::int64_t{0} : found->second;
    };
    constexpr const char* kQueue = "mooring_queue_commands";
    constexpr const char* kQueueHelp = "Open commands: queued, or answered NotNow.";
    set(kQueue, kQueueHelp, {{"status", "queued"}}, value(core::kQueuedCounter));
    set(kQueue, kQueueHelp, {{"status", "not_now"}}, value(core::kNotNowCounter));
    const auto enrolled = value(core::kEnrolledCounter);
    set("mooring_devices", "Devices by enrollment.", {{"state", "enrolled"}}, enrolled);
    set("mooring_devices", "Devices by enrollment.", {{"state", "unenrolled"}},
        value(core::kKnownCounter) - enrolled);
    const auto oldest = connection.exec(kGaugeOldest);
    metrics_.gauge("mooring_queue_oldest_seconds", "Age of the oldest open command.")
        .Set(oldest.empty() ? 0.0 : std::max(0.0, seconds(now_ - oldest[0].get<Time>(0))));
  }

  void push_certificates(pg::Connection& connection) {
    constexpr const char* kExpiry = "mooring_push_certificate_expiry_timestamp_seconds";
    constexpr const char* kRefused = "mooring_push_certificate_refused";
    std::vector<Labels> kept;
    for (const auto& certificate : core::list_push_certificates(connection)) {
      const Labels labels{{"topic", certificate.topic}};
      kept.push_back(labels);
      metrics_.gauge(kExpiry, "End of the push certificate.", labels)
          .Set(seconds(certificate.not_after.time_since_epoch()));
      set(kRefused, "1 while the push service refuses the certificate.", labels,
          certificate.failure.empty() ? 0 : 1);
    }
    metrics_.retain_gauges(kExpiry, kept);
    metrics_.retain_gauges(kRefused, kept);
  }

  void pauses(pg::Connection& connection) {
    const auto counts = connection.exec(kGaugePauses, now_);
    constexpr const char* kName = "mooring_pauses";
    constexpr const char* kHelp = "Pauses in force.";
    set(kName, kHelp, {{"scope", "all"}}, counts[0].int64(0));
    set(kName, kHelp, {{"scope", "device"}}, counts[0].int64(1));
    set(kName, kHelp, {{"scope", "profile"}}, counts[0].int64(2));
  }

  void items(pg::Connection& connection) { items(connection.exec(kGaugeItems)); }

 private:
  void set(const char* name, const char* help, const Labels& labels, std::int64_t value) {
    metrics_.gauge(name, help, labels).Set(static_cast<double>(value));
  }

  Metrics& metrics_;
  Time now_;
};

}  // namespace

void refresh_gauges(pg::Connection& connection, Metrics& metrics, Time now) {
  GaugeWriter writer(metrics, now);
  writer.items(connection);
  writer.totals(connection);
  writer.pauses(connection);
  writer.push_certificates(connection);
}

Gauges::Gauges(pg::ConnectOptions connect, const Clock& clock, Logger& log, Metrics& metrics,
               std::chrono::milliseconds every)
    : connect_(std::move(connect)), clock_(clock), log_(log), metrics_(metrics), every_(every) {
  thread_ = std::thread([this] { run(); });
}

Gauges::~Gauges() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Gauges::run() {
  pg::ConnectionKeeper keeper(connect_, log_);
  while (true) {
    if (auto* connection = keeper.get()) {
      try {
        refresh_gauges(*connection, metrics_, clock_.now());
      } catch (const pg::SqlError& error) {
        log_.warning("the fleet's gauges were not refreshed", {{"error", error.what()}});
      }
    }
    std::unique_lock lock(mutex_);
    if (wake_.wait_for(lock, every_, [this] { return stopping_; })) return;
  }
}

}  // namespace mooring::reconciler
