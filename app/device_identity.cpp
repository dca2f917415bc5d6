// SPDX-License-Identifier: Apache-2.0
#include "app/device_identity.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include "base/crypto/x509.hpp"
#include "base/encoding.hpp"

namespace mooring::app {
namespace {

Result<> add_anchors(const std::string& path, std::vector<std::string>& anchors) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  if (!in) {
    return fail(Failure::invalid, "identity.device_ca", fmt::format("device-ca: {} cannot be read", path));
  }
  const auto certificates = crypto::Certificate::parse_all(bytes);
  if (!certificates) {
    return fail(Failure::invalid, certificates.error().code,
                fmt::format("device-ca: {}: {}", path, certificates.error().message));
  }
  for (const auto& certificate : *certificates) anchors.push_back(certificate.der);
  return {};
}

Result<> add_all_anchors(std::string_view list, std::vector<std::string>& anchors) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    const auto path = trim(list.substr(0, comma));
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    if (path.empty()) continue;
    if (auto added = add_anchors(std::string(path), anchors); !added) return added;
  }
  return {};
}

std::chrono::seconds seconds_of(const Options& options, std::string_view name) {
  return std::chrono::duration_cast<std::chrono::seconds>(options.duration(name));
}

Result<std::optional<core::IdentityOptions>> identity_options(const Options& options, Logger& log) {
  if (options.text("device-identity") == "off") {
    log.warning("DEVICE IDENTITY IS OFF: whoever reaches the device listener can speak for any device",
                {{"device_listen", options.text("device-listen")}});
    return std::nullopt;
  }
  auto proxies = core::TrustedProxies::parse(options.text("trusted-proxy"));
  if (!proxies) return std::unexpected(proxies.error());
  const auto& header = options.text("identity-header");
  if (header.empty() != proxies->empty()) {
    return fail(Failure::invalid, "identity.proxy",
                "identity-header and trusted-proxy belong together: the one says where the proxy puts the "
                "certificate, the other which addresses may say so");
  }
  core::IdentityOptions identity;
  identity.trust = {.chain = options.text("device-identity-chain") == "on",
                    .anchors = {},
                    .skew = seconds_of(options, "identity-skew"),
                    .expired_grace = seconds_of(options, "identity-expired-grace")};
  if (auto added = add_all_anchors(options.text("device-ca"), identity.trust.anchors); !added) {
    return std::unexpected(added.error());
  }
  if (!identity.trust.chain) {
    log.warning("IDENTITIES OF ANY AUTHORITY ARE TRUSTED (device-identity-chain=off): only for tests",
                {{"device_listen", options.text("device-listen")}});
  }
  identity.sender = {.header = header, .proxies = std::move(*proxies)};
  identity.association.rules = {.retro = options.boolean("identity-retro"),
                                .superseded_grace = seconds_of(options, "identity-renewal-grace")};
  return identity;
}

Result<std::optional<core::AuthProxyTarget>> auth_proxy_target(const Options& options) {
  const auto& url = options.text("auth-proxy-url");
  if (url.empty()) return std::nullopt;
  if (options.text("device-identity") == "off") {
    return fail(Failure::invalid, "auth_proxy.identity",
                "auth-proxy-url passes on requests of proven devices: it needs device-identity=on");
  }
  auto target = core::AuthProxyTarget::parse(url);
  if (!target) return std::unexpected(target.error());
  return std::move(*target);
}

}  // namespace

Result<DeviceAccess> device_access(const Options& options, Logger& log) {
  auto identity = identity_options(options, log);
  if (!identity) return std::unexpected(identity.error());
  auto auth_proxy = auth_proxy_target(options);
  if (!auth_proxy) return std::unexpected(auth_proxy.error());
  const bool unenroll = options.text("unknown-device") == "unenroll";
  return DeviceAccess{
      .identity = std::move(*identity),
      .auth_proxy = std::move(*auth_proxy),
      .unknown_devices = unenroll ? core::UnknownDevicePolicy::unenroll : core::UnknownDevicePolicy::ignore};
}

void trust_authority(DeviceAccess& access, const core::CertificateAuthority& authority) {
  if (!access.identity) return;
  for (const auto& trusted : authority.trusted()) access.identity->trust.anchors.push_back(trusted.der);
}

std::unique_ptr<core::Identity> make_identity(DeviceAccess& access, const pg::ConnectOptions& connect,
                                              crypto::CryptoPool& crypto, const Clock& clock, Logger& log,
                                              Metrics& metrics) {
  if (!access.identity) return nullptr;
  return std::make_unique<core::Identity>(std::move(*access.identity), connect, crypto, clock, log, metrics);
}

std::unique_ptr<core::AuthProxy> make_auth_proxy(DeviceAccess& access, boost::asio::any_io_executor executor,
                                                 core::Identity* identity, Logger& log) {
  if (!access.auth_proxy || identity == nullptr) return nullptr;
  return std::make_unique<core::AuthProxy>(std::move(executor), std::move(*access.auth_proxy), *identity,
                                           log);
}

}  // namespace mooring::app
