// SPDX-License-Identifier: Apache-2.0
#include "app/server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <iterator>
#include <optional>

#include "api/api.hpp"
#include "api/auth.hpp"
#include "api/compat/nanomdm/nanomdm.hpp"
#include "app/data_dir.hpp"
#include "app/device_identity.hpp"
#include "app/enroll.hpp"
#include "app/event_setup.hpp"
#include "app/push_setup.hpp"
#include "app/scep.hpp"
#include "app/tls.hpp"
#include "base/crypto/crypto_pool.hpp"
#include "base/crypto/secret_box.hpp"
#include "base/http/server.hpp"
#include "base/postgres/embedded.hpp"
#include "base/postgres/migrations.hpp"
#include "core/activity.hpp"
#include "core/checkin.hpp"
#include "core/device_endpoint.hpp"
#include "core/janitor.hpp"
#include "core/migrations.hpp"
#include "core/outbox/outbox.hpp"
#include "core/outbox/restore.hpp"
#include "core/payload_cache.hpp"
#include "core/report.hpp"
#include "reconciler/gauges.hpp"
#include "reconciler/reconciler.hpp"

namespace mooring::app {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kLookAtCertificatesEvery{5};

std::string without_slash(std::string url) {
  if (url.ends_with('/')) url.pop_back();
  return url;
}

reconciler::Policy policy_from(const Options& options) {
  return {.inventory_interval = options.duration("inventory-interval"),
          .retry_base = options.duration("retry-base"),
          .retry_max = options.duration("retry-max"),
          .attempts = static_cast<int>(options.integer("retry-attempts")),
          .repairs = static_cast<int>(options.integer("repair-limit")),
          .repair_window = std::chrono::hours(24),
          .push_base = options.duration("push-retry-base"),
          .push_max = options.duration("push-retry-max"),
          .verify_patience = options.duration("verify-patience")};
}

pg::ConnectOptions connection(const std::string& conninfo, const char* name, bool point_queries = false) {
  return {.conninfo = conninfo,
          .application_name = fmt::format("mooring {}", name),
          .point_queries = point_queries};
}

core::CheckinOptions checkin_options(const Options& options) {
  const bool allow = options.text("user-authenticate") == "allow";
  return {.user_authenticate =
              allow ? core::UserAuthenticatePolicy::allow : core::UserAuthenticatePolicy::refuse};
}

/// What outlives the parts that connect to it.
struct Foundation {
  std::optional<DataDirLock> lock;
  std::unique_ptr<pg::EmbeddedPostgres> postgres;
  std::string conninfo;
  crypto::SecretBox::Key key{};
  core::PushOptions push = {};
  std::unique_ptr<core::CertificateAuthority> authority = nullptr;
  std::unique_ptr<ListenerTls> device_tls = nullptr;
  std::unique_ptr<ListenerTls> api_tls = nullptr;
  std::unique_ptr<core::scep::LegacyCiphers> legacy_ciphers = nullptr;
  EnrollmentSetup enrollment = {};
};

Result<Foundation> lay_foundation(const Options& options, Logger& log) {
  Foundation foundation;
  const fs::path data_dir = fs::absolute(options.text("data-dir"));
  auto user = pg::drop_root(data_dir);
  if (!user) return std::unexpected(user.error());
  if (!user->empty()) log.info("started by root: now running as another user", {{"user", *user}});
  std::error_code error;
  fs::create_directories(data_dir, error);
  if (error) {
    return fail(
        Failure::invalid, "data_dir.create",
        fmt::format("cannot create {}: {}. Choose another --data-dir.", data_dir.string(), error.message()));
  }
  auto lock = DataDirLock::take(data_dir);
  if (!lock) return std::unexpected(lock.error());
  foundation.lock.emplace(std::move(*lock));
  const auto& key_file = options.text("master-key-file");
  auto key = crypto::load_or_make_master_key(key_file.empty() ? data_dir / "master.key" : fs::path(key_file));
  if (!key) return std::unexpected(key.error());
  foundation.key = *key;
  if (!options.text("database-url").empty()) {
    foundation.conninfo = options.text("database-url");
    return foundation;
  }
  auto postgres =
      pg::EmbeddedPostgres::start({.data_dir = data_dir, .bin_dir = options.text("postgres-bin-dir")}, log);
  if (!postgres) return std::unexpected(postgres.error());
  foundation.postgres = std::move(*postgres);
  foundation.conninfo = foundation.postgres->conninfo();
  return foundation;
}

http::ServerOptions device_listener_options(const Options& options, const Foundation& foundation) {
  http::ServerOptions made{.name = "device", .listen = options.text("device-listen")};
  // A SCEP message in the target of a GET request is up to 64 KiB long.
  made.header_limit = std::size_t{96} * 1024;
  if (foundation.device_tls) made.tls = foundation.device_tls->context();
  return made;
}

http::ServerOptions api_listener_options(const Options& options, const Foundation& foundation) {
  http::ServerOptions made{.name = "api", .listen = options.text("api-listen")};
  if (foundation.api_tls) made.tls = foundation.api_tls->context();
  return made;
}

/// The authority, and the certificates that the listeners show.
Result<> prepare_certificates(Foundation& foundation, const Options& options, const Clock& clock, Logger& log,
                              Metrics& metrics) {
  auto authority =
      open_authority(foundation.conninfo, options, crypto::SecretBox(foundation.key), clock, log, metrics);
  if (!authority) return std::unexpected(authority.error());
  foundation.authority = std::make_unique<core::CertificateAuthority>(std::move(*authority));
  auto device_tls = open_device_tls(options, *foundation.authority, clock, log, metrics);
  if (!device_tls) return std::unexpected(device_tls.error());
  foundation.device_tls = std::move(*device_tls);
  auto api_tls = open_api_tls(options, log, metrics);
  if (!api_tls) return std::unexpected(api_tls.error());
  foundation.api_tls = std::move(*api_tls);
  auto enrollment = prepare_enrollment(options, foundation.key, *foundation.authority, clock);
  if (!enrollment) return std::unexpected(enrollment.error());
  foundation.enrollment = std::move(*enrollment);
  return {};
}

/// Migrates and makes the first API token; its text, or empty.
Result<std::string> prepare_database(const std::string& conninfo, const Clock& clock, Logger& log) {
  try {
    pg::Connection first(connection(conninfo, "setup"));
    const auto renew = [&](pg::Connection& c) -> Result<> {
      core::renew_positions_after_restore(c, log);
      return {};
    };
    auto migrated = pg::migrate(first, core::migrations::embedded_files(), log, renew);
    if (!migrated) {
      return std::unexpected(migrated.error());
    }
    auto token = api::ensure_first_token(first, clock.now());
    if (!token) return std::unexpected(token.error());
    return token->value_or("");
  } catch (const pg::SqlError& error) {
    return std::unexpected(pg::to_error(error));
  }
}

Result<> prepare_reconciler(const std::string& conninfo, reconciler::Reconciler& reconciler) {
  try {
    pg::Connection first(connection(conninfo, "setup"));
    return reconciler.prepare(first);
  } catch (const pg::SqlError& error) {
    return std::unexpected(pg::to_error(error));
  }
}

std::vector<http::Route> joined(std::vector<http::Route> routes, std::vector<http::Route> more) {
  std::ranges::move(more, std::back_inserter(routes));
  return routes;
}

}  // namespace

/// In the order in which they depend on each other; torn down the other way round.
struct Server::Parts {
  Parts(boost::asio::any_io_executor io, const Options& options, const Clock& clock, Logger& log,
        Metrics& metrics, Foundation base, DeviceAccess access)
      : foundation(std::move(base)),
        conninfo(foundation.conninfo),
        secrets(foundation.key),
        interest(secrets, keep_bodies(options)),
        pool({.connect = connection(conninfo, "pool"),
              .connections = static_cast<std::size_t>(options.integer("database-connections"))},
             log, metrics),
        pusher(io, foundation.push, pool, secrets, clock, log, metrics),
        push_certificate(io, push_source_from(options), pool, secrets, clock, log),
        reconciler(
            {.connect = connection(conninfo, "reconciler"),
             .policy = policy_from(options),
             .batch = static_cast<int>(options.integer("reconcile-batch")),
             .poll = options.duration("reconcile-poll")},
            [this](std::span<const std::int64_t> enrollments, core::PushLane lane) {
              pusher.request(enrollments, lane);
            },
            clock, log, metrics),
        checkins(connection(conninfo, "checkin", true), pool, secrets, interest, clock, log, metrics,
                 checkin_options(options)),
        reports(connection(conninfo, "report", true), interest, clock, log, metrics),
        payloads(pool),
        activity(connection(conninfo, "activity", true), clock, log),
        identity(
            make_identity(access, connection(conninfo, "identity", true), crypto_pool, clock, log, metrics)),
        auth_proxy(make_auth_proxy(access, io, identity.get(), log)),
        unknown_devices(access.unknown_devices, pool),
        endpoint(
            checkins, reports, payloads, activity, unknown_devices, identity.get(),
            [this] { reconciler.ring(); }, log),
        scep(scep_options(options), *foundation.authority, std::move(foundation.legacy_ciphers),
             connection(conninfo, "scep", true), pool, crypto_pool, clock, log, metrics),
        enrollment(std::move(foundation.enrollment), {.pool = pool,
                                                      .crypto = crypto_pool,
                                                      .secrets = secrets,
                                                      .clock = clock,
                                                      .log = log,
                                                      .metrics = metrics,
                                                      .device_url = [this] { return public_url(); }}),
        api({.pool = pool,
             .pusher = pusher,
             .secrets = secrets,
             .interest = interest,
             .clock = clock,
             .log = log,
             .metrics = metrics,
             .ring = [this] { reconciler.ring(); },
             .consumers_changed = [this] { outbox.refresh(); },
             .ready = [this] { return ready.load(); },
             .version = kVersion,
             .enrollment = &enrollment.profiles(),
             .profile_signer = [this] { return enrollment.signer(); },
             .revoked =
                 [this](std::span<const std::string> hashes) {
                   if (identity) identity->forget(hashes);
                 }}),
        nanomdm({.executor = io,
                 .pool = pool,
                 .pusher = pusher,
                 .secrets = secrets,
                 .clock = clock,
                 .log = log,
                 .metrics = metrics,
                 .checkin =
                     [this](core::Checkin checkin, plist::Dict message, core::MessageContext context) {
                       return checkins.handle(std::move(checkin), std::move(message), std::move(context));
                     },
                 .ring = [this] { reconciler.ring(); },
                 .version = kVersion,
                 .escrow_key_unlock_url = options.text("escrow-key-unlock-url")}),
        janitor(connection(conninfo, "janitor"),
                {.results = options.duration("retention-results"),
                 .events = options.duration("retention-events"),
                 .events_limit = options.duration("retention-events-limit")},
                clock, log, metrics),
        outbox(outbox_options(options, connection(conninfo, "outbox", true)), interest, secrets, clock, log,
               metrics),
        gauges(connection(conninfo, "gauges"), clock, log, metrics, options.duration("gauge-interval")),
        device_listener(io, device_listener_options(options, foundation), device_routes(), log, metrics),
        api_listener(io, api_listener_options(options, foundation), joined(api.routes(), nanomdm.routes()),
                     log, metrics),
        device_url(without_slash(options.text("device-url"))),
        certificate_look(io) {}

  /// What devices are told: --device-url, or the listener's.
  std::string public_url() const { return device_url.empty() ? device_listener.url() : device_url; }
  void look_at_certificates(bool anyway);
  void keep_looking_at_certificates();

  std::vector<http::Route> device_routes() {
    auto routes = endpoint.routes();
    std::ranges::move(scep.routes(), std::back_inserter(routes));
    if (auth_proxy != nullptr) {
      for (auto& route : auth_proxy->routes()) routes.push_back(std::move(route));
    }
    std::ranges::move(enrollment.routes(), std::back_inserter(routes));
    return routes;
  }

  Foundation foundation;
  const std::string& conninfo;
  std::atomic<bool> ready{false};
  crypto::SecretBox secrets;
  crypto::CryptoPool crypto_pool;
  core::EventInterest interest;
  pg::Pool pool;
  core::Pusher pusher;
  core::PushCertificateWatch push_certificate;
  reconciler::Reconciler reconciler;
  core::CheckinStore checkins;
  core::ReportStore reports;
  core::PayloadCache payloads;
  core::Activity activity;
  std::unique_ptr<core::Identity> identity;     ///< Null where it is off.
  std::unique_ptr<core::AuthProxy> auth_proxy;  ///< Null where there is none.
  core::UnknownDevices unknown_devices;
  core::DeviceEndpoint endpoint;
  core::ScepEndpoint scep;
  Enrollment enrollment;
  api::Api api;
  api::nanomdm::NanoMdm nanomdm;
  core::Janitor janitor;
  core::Outbox outbox;
  reconciler::Gauges gauges;
  http::Server device_listener;
  http::Server api_listener;
  std::string first_token;
  std::string device_url;
  boost::asio::steady_timer certificate_look;
};

void Server::Parts::look_at_certificates(bool anyway) {
  for (auto* tls : {foundation.device_tls.get(), foundation.api_tls.get()}) {
    if (tls != nullptr) tls->look(anyway);
  }
}

void Server::Parts::keep_looking_at_certificates() {
  certificate_look.expires_after(kLookAtCertificatesEvery);
  certificate_look.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    look_at_certificates(false);
    keep_looking_at_certificates();
  });
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(boost::asio::any_io_executor executor, const Options& options,
                                              const Clock& clock, Logger& log, Metrics& metrics) {
  auto access = device_access(options, log);
  if (!access) return std::unexpected(access.error());
  auto foundation = lay_foundation(options, log);
  if (!foundation) return std::unexpected(foundation.error());
  auto token = prepare_database(foundation->conninfo, clock, log);
  if (!token) return std::unexpected(token.error());
  if (auto prepared = prepare_certificates(*foundation, options, clock, log, metrics); !prepared) {
    return std::unexpected(prepared.error());
  }
  auto push = push_options_from(options);
  if (!push) return std::unexpected(push.error());
  foundation->push = std::move(*push);
  if (auto prepared =
          prepare_push(foundation->conninfo, crypto::SecretBox(foundation->key), options, clock, log);
      !prepared) {
    return std::unexpected(prepared.error());
  }
  auto legacy_ciphers = load_legacy_ciphers(options, log);
  if (!legacy_ciphers) return std::unexpected(legacy_ciphers.error());
  foundation->legacy_ciphers = std::move(*legacy_ciphers);
  trust_authority(*access, *foundation->authority);
  metrics
      .gauge("mooring_build_info", "Which build this is.", {{"version", kVersion}, {"compiler", __VERSION__}})
      .Set(1);

  std::unique_ptr<Server> server(new Server(std::make_unique<Parts>(
      executor, options, clock, log, metrics, std::move(*foundation), std::move(*access))));
  auto& parts = *server->parts_;
  parts.first_token = std::move(*token);
  if (auto prepared = prepare_reconciler(parts.conninfo, parts.reconciler); !prepared) {
    return std::unexpected(prepared.error());
  }
  for (auto* listener : {&parts.device_listener, &parts.api_listener}) {
    if (auto listening = listener->start(); !listening) return std::unexpected(listening.error());
  }
  parts.reconciler.start();
  parts.keep_looking_at_certificates();
  parts.ready = true;
  return server;
}

std::string Server::device_url() const { return parts_->device_listener.url(); }
std::string Server::public_url() const { return parts_->public_url(); }
void Server::reload_certificates() { parts_->look_at_certificates(true); }
std::string Server::api_url() const { return parts_->api_listener.url(); }
const std::string& Server::first_token() const { return parts_->first_token; }

Task<> Server::drain(std::chrono::milliseconds grace) {
  parts_->ready = false;
  co_await parts_->device_listener.drain(grace);
  co_await parts_->api_listener.drain(grace);
  parts_->reconciler.stop();
}

}  // namespace mooring::app
