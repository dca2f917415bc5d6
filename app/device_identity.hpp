// SPDX-License-Identifier: Apache-2.0
// Identity of devices, as the options say.
#pragma once

#include <memory>
#include <optional>

#include "base/log.hpp"
#include "base/options.hpp"
#include "base/result.hpp"
#include "core/auth_proxy.hpp"
#include "core/identity/identity.hpp"
#include "core/identity/unknown_devices.hpp"
#include "core/scep/certificate_authority.hpp"

namespace mooring::app {

/// What the options say about who may speak on the listener of devices.
struct DeviceAccess {
  std::optional<core::IdentityOptions> identity;  ///< nullopt where it is off, which is said loudly.
  std::optional<core::AuthProxyTarget> auth_proxy;
  core::UnknownDevicePolicy unknown_devices = core::UnknownDevicePolicy::ignore;
};

/// Errors: of files and of options that make no sense together, identity.*, certificate.*, auth_proxy.*.
Result<DeviceAccess> device_access(const Options& options, Logger& log);

/// Identities of this authority, and of those that were here before it, are good.
void trust_authority(DeviceAccess& access, const core::CertificateAuthority& authority);

/// Null where `access` has none.
std::unique_ptr<core::Identity> make_identity(DeviceAccess& access, const pg::ConnectOptions& connect,
                                              crypto::CryptoPool& crypto, const Clock& clock, Logger& log,
                                              Metrics& metrics);
std::unique_ptr<core::AuthProxy> make_auth_proxy(DeviceAccess& access, boost::asio::any_io_executor executor,
                                                 core::Identity* identity, Logger& log);

}  // namespace mooring::app
