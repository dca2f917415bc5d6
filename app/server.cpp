// SPDX-License-Identifier: Apache-2.0
#include "app/server.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <iterator>
#include <optional>

#include "api/api.hpp"
#include "api/compat/mdmdirector/mdmdirector.hpp"
#include "api/compat/nanomdm/nanomdm.hpp"
#include "app/device_identity.hpp"
#include "app/event_setup.hpp"
#include "app/foundation.hpp"
#include "app/push_setup.hpp"
#include "app/scep.hpp"
#include "base/crypto/crypto_pool.hpp"
#include "base/crypto/secret_box.hpp"
#include "base/http/server.hpp"
#include "core/activity.hpp"
#include "core/checkin.hpp"
#include "core/device_endpoint.hpp"
#include "core/janitor.hpp"
#include "core/outbox/outbox.hpp"
#include "core/payload_cache.hpp"
#include "core/report.hpp"
#include "director/renderer.hpp"
#include "reconciler/chores.hpp"
#include "reconciler/gauges.hpp"
#include "reconciler/reconciler.hpp"

namespace mooring::app {
namespace {

constexpr std::chrono::seconds kLookAtCertificatesEvery{5};

std::string without_slash(std::string url) {
  if (url.ends_with('/')) url.pop_back();
  return url;
}

reconciler::Policy policy_from(const Options& options) {
  return {.inventory_interval = options.duration("inventory-interval"),
          .information_interval = options.duration("information-interval"),
          .security_interval = options.duration("security-interval"),
          .certificates_interval = options.duration("certificates-interval"),
          .retry_base = options.duration("retry-base"),
          .retry_max = options.duration("retry-max"),
          .attempts = static_cast<int>(options.integer("retry-attempts")),
          .repairs = static_cast<int>(options.integer("repair-limit")),
          .repair_window = std::chrono::hours(24),
          .push_base = options.duration("push-retry-base"),
          .push_max = options.duration("push-retry-max"),
          .certificate_rate = options.integer("certificate-rate"),
          .verify_patience = options.duration("verify-patience"),
          .repush_on_new_build = options.text("repush-on-new-build") == "on",
          .reinstall_interval = options.duration("reinstall-interval")};
}

core::CheckinOptions checkin_options(const Options& options) {
  const bool allow = options.text("user-authenticate") == "allow";
  return {.user_authenticate =
              allow ? core::UserAuthenticatePolicy::allow : core::UserAuthenticatePolicy::refuse};
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

Result<> prepare_reconciler(const std::string& conninfo, reconciler::Reconciler& reconciler) {
  try {
    pg::Connection first(connection_to(conninfo, "setup"));
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
        pool({.connect = connection_to(conninfo, "pool"),
              .connections = static_cast<std::size_t>(options.integer("database-connections"))},
             log, metrics),
        pusher(io, foundation.push, pool, secrets, clock, log, metrics),
        push_certificate(io, push_source_from(options), pool, secrets, clock, log),
        reconciler(
            {.connect = connection_to(conninfo, "reconciler"),
             .policy = policy_from(options),
             .batch = static_cast<int>(options.integer("reconcile-batch")),
             .poll = options.duration("reconcile-poll")},
            [this](std::span<const std::int64_t> enrollments, core::PushLane lane) {
              pusher.request(enrollments, lane);
            },
            clock, log, metrics),
        checkins(connection_to(conninfo, "checkin", true), pool, secrets, interest, clock, log, metrics,
                 checkin_options(options)),
        reports(connection_to(conninfo, "report", true), interest, clock, log, metrics),
        payloads(pool),
        activity(connection_to(conninfo, "activity", true), clock, log),
        identity(make_identity(access, connection_to(conninfo, "identity", true), crypto_pool, clock, log,
                               metrics)),
        auth_proxy(make_auth_proxy(access, io, identity.get(), log)),
        unknown_devices(access.unknown_devices, pool),
        renderer(pool, secrets),
        endpoint(
            checkins, reports, payloads, activity, unknown_devices, identity.get(),
            [this] { reconciler.ring(); }, log, &renderer),
        scep(scep_options(options), *foundation.authority, std::move(foundation.legacy_ciphers),
             connection_to(conninfo, "scep", true), pool, crypto_pool, clock, log, metrics),
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
                 },
             .first_repush = options.duration("push-retry-base"),
             .pass_context = [this] { return reconciler.context(); },
             .removal_guard = {.percent = options.integer("removal-guard"),
                               .devices = options.integer("removal-guard-devices")}}),
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
                 .escrow_key_unlock_url = options.text("escrow-key-unlock-url"),
                 .first_repush = options.duration("push-retry-base")}),
        mdmdirector({.pool = pool, .clock = clock, .log = log}),
        janitor(connection_to(conninfo, "janitor"),
                {.results = options.duration("retention-results"),
                 .facts = options.duration("retention-facts"),
                 .events = options.duration("retention-events"),
                 .events_limit = options.duration("retention-events-limit")},
                clock, log, metrics),
        outbox(outbox_options(options, connection_to(conninfo, "outbox", true)), interest, secrets, clock,
               log, metrics),
        gauges(connection_to(conninfo, "gauges"), clock, log, metrics, options.duration("gauge-interval")),
        chores(connection_to(conninfo, "chores"),
               {.history = options.duration("retention-results"), .ring = [this] { reconciler.ring(); }},
               clock, log),
        device_listener(io, device_listener_options(options, foundation), device_routes(), log, metrics),
        api_listener(io, api_listener_options(options, foundation),
                     joined(api.routes(), joined(nanomdm.routes(), mdmdirector.routes())), log, metrics),
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
  director::Renderer renderer;
  core::DeviceEndpoint endpoint;
  core::ScepEndpoint scep;
  Enrollment enrollment;
  api::Api api;
  api::nanomdm::NanoMdm nanomdm;
  api::mdmdirector::MdmDirector mdmdirector;
  core::Janitor janitor;
  core::Outbox outbox;
  reconciler::Gauges gauges;
  reconciler::Chores chores;
  http::Server device_listener;
  http::Server api_listener;
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
  auto foundation = lay_foundation(options, clock, log, metrics);
  if (!foundation) return std::unexpected(foundation.error());
  trust_authority(*access, *foundation->authority);
  metrics
      .gauge("mooring_build_info", "Which build this is.", {{"version", kVersion}, {"compiler", __VERSION__}})
      .Set(1);

  std::unique_ptr<Server> server(new Server(std::make_unique<Parts>(
      executor, options, clock, log, metrics, std::move(*foundation), std::move(*access))));
  auto& parts = *server->parts_;
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
const std::string& Server::first_token() const { return parts_->foundation.first_token; }

Task<> Server::drain(std::chrono::milliseconds grace) {
  parts_->ready = false;
  co_await parts_->device_listener.drain(grace);
  co_await parts_->api_listener.drain(grace);
  parts_->reconciler.stop();
}

}  // namespace mooring::app
