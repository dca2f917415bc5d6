// SPDX-License-Identifier: Apache-2.0
// From the options to the pusher's parts.
#pragma once

#include <string>

#include "base/options.hpp"
#include "core/push.hpp"
#include "core/push_certificate_files.hpp"

namespace mooring::app {

/// Errors: push.trust_file.
Result<core::PushOptions> push_options_from(const Options& options);
core::PushCertificateSource push_source_from(const Options& options);
/// Stores the certificate of --push-cert.
Result<> prepare_push(const std::string& conninfo, const crypto::SecretBox& secrets, const Options& options,
                      const Clock& clock, Logger& log);

}  // namespace mooring::app
