// SPDX-License-Identifier: Apache-2.0
// SCEP's part of the composition root: the authority, and what the options say of it.
#pragma once

#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/crypto/secret_box.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/options.hpp"
#include "core/scep/certificate_authority.hpp"
#include "core/scep/endpoint.hpp"

namespace mooring::app {

/// Loads, makes or imports the device authority; says on the log which one it is.
Result<core::CertificateAuthority> open_authority(const std::string& conninfo, const Options& options,
                                                  const crypto::SecretBox& secrets, const Clock& clock,
                                                  Logger& log, Metrics& metrics);

core::ScepOptions scep_options(const Options& options);
/// What --scep-legacy-algorithms needs; null without. The log says what that risks.
Result<std::unique_ptr<core::scep::LegacyCiphers>> load_legacy_ciphers(const Options& options, Logger& log);

}  // namespace mooring::app
