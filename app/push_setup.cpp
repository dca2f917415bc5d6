// SPDX-License-Identifier: Apache-2.0
#include "app/push_setup.hpp"

#include <fmt/format.h>

#include <fstream>

#include "base/postgres/connection.hpp"

namespace mooring::app {

Result<core::PushOptions> push_options_from(const Options& options) {
  core::PushOptions push{.url = options.text("push-url"), .rate = options.integer("push-rate")};
  if (push.url == "off") push.url.clear();
  const auto& trust_file = options.text("push-trust");
  if (trust_file.empty()) return push;
  std::ifstream file(trust_file, std::ios::binary);
  push.trust.assign(std::istreambuf_iterator<char>(file), {});
  if (push.trust.find("-----BEGIN CERTIFICATE") == std::string::npos) {
    return fail(
        Failure::invalid, "push.trust_file",
        fmt::format("--push-trust {} cannot be read, or holds no certificate in PEM form", trust_file));
  }
  return push;
}

core::PushCertificateSource push_source_from(const Options& options) {
  return {.certificate = options.text("push-cert"),
          .key = options.text("push-key"),
          .key_password_file = options.text("push-key-password-file")};
}

Result<> prepare_push(const std::string& conninfo, const crypto::SecretBox& secrets, const Options& options,
                      const Clock& clock, Logger& log) {
  const auto source = push_source_from(options);
  if (source.certificate.empty()) return {};
  try {
    pg::Connection first({.conninfo = conninfo, .application_name = "mooring setup"});
    return pg::in_transaction(first, [&](pg::Connection& connection) {
      return core::store_push_source(connection, secrets, source, clock.now(), log);
    });
  } catch (const pg::SqlError& error) {
    return std::unexpected(pg::to_error(error));
  }
}

}  // namespace mooring::app
