// SPDX-License-Identifier: Apache-2.0
#include "core/push_certificate_files.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <fstream>

namespace mooring::core {
namespace {

namespace fs = std::filesystem;

bool is_pem(const std::string& text) { return text.find("-----BEGIN ") != std::string::npos; }

Result<std::string> read_push_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) {
    return fail(
        Failure::invalid, "push_certificate.file",
        fmt::format("cannot read {}: it has to be readable by the user that the server runs as", path));
  }
  return text;
}

Result<std::string> text_of(const std::string& path_or_pem) {
  if (path_or_pem.empty() || is_pem(path_or_pem)) return path_or_pem;
  return read_push_file(path_or_pem);
}

/// Changes with the files; empty where none can be seen.
std::string stamp_of(const PushCertificateSource& source) {
  std::string stamp;
  for (const auto& path : {source.certificate, source.key, source.key_password_file}) {
    std::error_code error;
    if (path.empty() || is_pem(path)) continue;
    const auto time = fs::last_write_time(path, error);
    if (!error) stamp += fmt::format("{}/{} ", time.time_since_epoch().count(), fs::file_size(path, error));
  }
  return stamp;
}

}  // namespace

Result<PushBundle> read_push_source(const PushCertificateSource& source, Time now) {
  auto pem = text_of(source.certificate);
  if (!pem) return std::unexpected(pem.error());
  const auto key = text_of(source.key);
  if (!key) return std::unexpected(key.error());
  std::string password;
  if (!source.key_password_file.empty()) {
    auto read = read_push_file(source.key_password_file);
    if (!read) return std::unexpected(read.error());
    password = read->substr(0, read->find_last_not_of("\r\n") + 1);
  }
  return read_push_bundle(*key + "\n" + *pem, password, now);
}

Result<> store_push_source(pg::Connection& connection, const crypto::SecretBox& secrets,
                           const PushCertificateSource& source, Time now, Logger& log) {
  if (source.certificate.empty()) return {};
  const auto bundle = read_push_source(source, now);
  if (!bundle && bundle.error().code == "push_certificate.expired") {
    log.error("the push certificate has expired: devices are not woken", {{"error", bundle.error().message}});
    return {};
  }
  if (!bundle) return std::unexpected(bundle.error());
  const auto present = find_push_certificate(connection, bundle->topic);
  if (present && present->certificate == bundle->identity.certificate_chain) return {};
  if (present && present->not_after > bundle->not_after) {
    log.warning("the push certificate in the file is older than the stored one, which stays in use",
                {{"topic", bundle->topic}, {"stored_not_after", to_rfc3339(present->not_after)}});
    return {};
  }
  const auto stored = put_push_certificate(connection, secrets, *bundle, now);
  log.info("push certificate stored",
           {{"topic", bundle->topic}, {"not_after", to_rfc3339(bundle->not_after)}});
  for (const auto& warning : stored.warnings) log.warning("push certificate", {{"warning", warning}});
  return {};
}

struct PushCertificateWatch::Impl {
  Impl(boost::asio::any_io_executor on, PushCertificateSource given, pg::Pool& with,
       const crypto::SecretBox& box, const Clock& time, Logger& to, std::chrono::milliseconds interval)
      : executor(std::move(on)),
        source(std::move(given)),
        pool(with),
        secrets(box),
        clock(time),
        log(to),
        every(interval),
        timer(executor),
        stamp(stamp_of(source)) {}

  static Task<> watch(std::shared_ptr<Impl> self);
  static Task<> reload(std::shared_ptr<Impl> self);

  boost::asio::any_io_executor executor;
  PushCertificateSource source;
  pg::Pool& pool;
  const crypto::SecretBox& secrets;
  const Clock& clock;
  Logger& log;
  std::chrono::milliseconds every;
  boost::asio::steady_timer timer;
  std::string stamp;
  bool stopped = false;
};

Task<> PushCertificateWatch::Impl::watch(std::shared_ptr<Impl> self) {
  while (!self->stopped) {
    self->timer.expires_after(self->every);
    boost::system::error_code woken;
    co_await self->timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
    if (self->stopped) co_return;
    auto now = stamp_of(self->source);
    // Half of a change is not taken: certificate and key are written one after the other.
    if (now == self->stamp) continue;
    self->stamp = std::move(now);
    co_await reload(self);
  }
}

Task<> PushCertificateWatch::Impl::reload(std::shared_ptr<Impl> self) {
  pg::Pool::Body<bool> body = [self](pg::Connection& connection) -> Result<bool> {
    const auto stored =
        store_push_source(connection, self->secrets, self->source, self->clock.now(), self->log);
    if (!stored) return std::unexpected(stored.error());
    return true;
  };
  const auto stored = co_await self->pool.transaction<bool>(std::move(body));
  if (!stored) {
    self->log.error("the changed push certificate cannot be used, the one before stays",
                    {{"error", stored.error().message}});
  }
}

PushCertificateWatch::PushCertificateWatch(boost::asio::any_io_executor executor,
                                           PushCertificateSource source, pg::Pool& pool,
                                           const crypto::SecretBox& secrets, const Clock& clock, Logger& log,
                                           std::chrono::milliseconds every)
    : impl_(
          std::make_shared<Impl>(std::move(executor), std::move(source), pool, secrets, clock, log, every)) {
  if (!impl_->stamp.empty()) {
    boost::asio::co_spawn(impl_->executor, Impl::watch(impl_), boost::asio::detached);
  }
}

PushCertificateWatch::~PushCertificateWatch() {
  impl_->stopped = true;
  impl_->timer.cancel();
}

}  // namespace mooring::core
