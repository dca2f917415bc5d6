// SPDX-License-Identifier: Apache-2.0
#include "app/tls.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "app/issued_certificate.hpp"

namespace mooring::app {

namespace fs = std::filesystem;

namespace {
constexpr std::chrono::hours kAskIssuerEvery{1};
}

ListenerTls::ListenerTls(std::string listener, Logger& log, Metrics& metrics)
    : listener_(std::move(listener)),
      log_(log),
      expiry_(metrics.gauge("mooring_certificate_expiry_timestamp_seconds",
                            "When a certificate of this server expires.",
                            {{"certificate", listener_ + "_tls"}})) {}

Result<> ListenerTls::begin(const Result<http::TlsIdentity>& identity, bool ask_for_client_certificate) {
  if (!identity) return std::unexpected(identity.error());
  auto context = http::TlsContext::make(*identity, ask_for_client_certificate);
  if (!context) {
    auto error = context.error();
    error.message = fmt::format("--{}-tls-cert and --{}-tls-key: {}", listener_, listener_, error.message);
    return std::unexpected(std::move(error));
  }
  context_ = std::move(*context);
  show();
  return {};
}

Result<std::unique_ptr<ListenerTls>> ListenerTls::from_files(std::string listener, http::TlsFiles files,
                                                             bool ask_for_client_certificate, Logger& log,
                                                             Metrics& metrics) {
  std::unique_ptr<ListenerTls> made(new ListenerTls(std::move(listener), log, metrics));
  made->files_.emplace(std::move(files));
  if (auto begun = made->begin(made->files_->read(), ask_for_client_certificate); !begun) {
    return std::unexpected(begun.error());
  }
  return made;
}

Result<std::unique_ptr<ListenerTls>> ListenerTls::issued(std::string listener, Issuer issuer,
                                                         bool ask_for_client_certificate, Logger& log,
                                                         Metrics& metrics) {
  std::unique_ptr<ListenerTls> made(new ListenerTls(std::move(listener), log, metrics));
  made->issuer_ = std::move(issuer);
  auto identity = made->issuer_(true);
  if (!identity) return std::unexpected(identity.error());
  if (auto begun = made->begin(identity->value(), ask_for_client_certificate); !begun) {
    return std::unexpected(begun.error());
  }
  return made;
}

void ListenerTls::look(bool anyway) {
  if (!anyway && !is_due()) return;
  Result<std::optional<http::TlsIdentity>> next = std::nullopt;
  if (files_) {
    auto read = files_->read();
    next = read ? Result<std::optional<http::TlsIdentity>>(std::move(*read)) : std::unexpected(read.error());
  } else {
    next = issuer_(false);
  }
  if (next && !*next) return;
  auto replaced = next ? context_->replace(**next) : Result<>(std::unexpected(next.error()));
  if (replaced) return show();
  log_.error("TLS certificate not taken: the present one stays",
             {{"listener", listener_}, {"error", replaced.error().message}});
}

bool ListenerTls::is_due() {
  if (files_) return files_->changed();
  const auto now = std::chrono::steady_clock::now();
  if (now < next_question_) return false;
  next_question_ = now + kAskIssuerEvery;
  return true;
}

void ListenerTls::show() const {
  expiry_.Set(static_cast<double>(context_->not_after().time_since_epoch() / std::chrono::seconds(1)));
  log_.info("TLS certificate", {{"listener", listener_}, {"not_after", to_rfc3339(context_->not_after())}});
}

namespace {

/// Host of http(s)://host:port/..., or of host:port.
std::string host_in(std::string_view text) {
  if (const auto scheme = text.find("://"); scheme != std::string_view::npos) text.remove_prefix(scheme + 3);
  text = text.substr(0, text.find('/'));
  if (text.starts_with('[')) return std::string(text.substr(1, text.find(']') - 1));
  return std::string(text.substr(0, text.rfind(':')));
}

/// Both files or none.
Result<std::optional<http::TlsFiles>> files_of(const Options& options, const std::string& listener) {
  const fs::path certificate = options.text(listener + "-tls-cert");
  const fs::path key = options.text(listener + "-tls-key");
  if (certificate.empty() != key.empty()) {
    return fail(
        Failure::invalid, "options.tls",
        fmt::format("--{}-tls-cert and --{}-tls-key belong together: give both or none", listener, listener));
  }
  if (certificate.empty()) return std::nullopt;
  return http::TlsFiles(fs::absolute(certificate), fs::absolute(key));
}

}  // namespace

Result<> check_device_url(const std::string& url) {
  if (url.empty()) return {};
  const bool sane = (url.starts_with("https://") || url.starts_with("http://")) && !host_in(url).empty() &&
                    url.find_first_of("?#@ ") == std::string::npos;
  if (sane) return {};
  return fail(Failure::invalid, "options.device_url",
              fmt::format("device-url is \"{}\": it must be like https://mdm.example.com or "
                          "https://mdm.example.com:8443/path",
                          url));
}

std::vector<std::string> device_names(const Options& options) {
  std::vector<std::string> names;
  const auto add = [&names](std::string name) {
    const bool unspecified = name.empty() || name == "0.0.0.0" || name == "::";
    if (!unspecified && std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  };
  add(host_in(options.text("device-url")));
  add(host_in(options.text("device-listen")));
  std::array<char, 256> machine{};
  if (::gethostname(machine.data(), machine.size() - 1) == 0) add(machine.data());
  for (const auto* here : {"localhost", "127.0.0.1", "::1"}) add(here);
  return names;
}

Result<std::unique_ptr<ListenerTls>> open_device_tls(const Options& options,
                                                     const core::CertificateAuthority& authority,
                                                     const Clock& clock, Logger& log, Metrics& metrics) {
  if (auto sane = check_device_url(options.text("device-url")); !sane) return std::unexpected(sane.error());
  if (options.text("device-tls") == "off") {
    log.warning("device listener speaks plain HTTP: something in front of it must speak TLS",
                {{"device_listen", options.text("device-listen")}});
    return nullptr;
  }
  auto files = files_of(options, "device");
  if (!files) return std::unexpected(files.error());
  if (*files) return ListenerTls::from_files("device", std::move(**files), true, log, metrics);
  IssuedCertificate certificate(fs::absolute(options.text("data-dir")) / "device-tls.pem",
                                device_names(options), authority, clock);
  log.info(
      "device listener shows a certificate of the device authority: give devices its root, or set "
      "--device-tls-cert");
  return ListenerTls::issued(
      "device", [certificate](bool first) { return certificate.look(first); }, true, log, metrics);
}

Result<std::unique_ptr<ListenerTls>> open_api_tls(const Options& options, Logger& log, Metrics& metrics) {
  auto files = files_of(options, "api");
  if (!files) return std::unexpected(files.error());
  if (!*files) return nullptr;
  return ListenerTls::from_files("api", std::move(**files), false, log, metrics);
}

}  // namespace mooring::app
