// SPDX-License-Identifier: Apache-2.0
#include "director/renderer.hpp"

#include <fmt/format.h>

#include "base/plist/plist.hpp"
#include "director/device_values.hpp"
#include "director/profile_document.hpp"
#include "director/secrets.hpp"

namespace mooring::director {
namespace {

constexpr pg::Statement kDeviceOfEnrollment{"renderer_device",
                                            "select device_id from enrollments where id = $1"};
constexpr std::string_view kSealedPlace = "payload";

std::unexpected<Error> malformed_payload(std::string_view why) {
  return fail(Failure::invalid, "render.malformed", fmt::format("the stored profile is damaged: {}", why));
}

/// What a device's content is made of: in clear, and as the pass knows it.
struct Values {
  VariableValues clear;
  VariableValues known;
};

Result<Values> values_for(pg::Connection& connection, const crypto::SecretBox& box, std::int64_t enrollment,
                          const std::vector<std::string>& names) {
  Values values;
  const auto rows = connection.exec(kDeviceOfEnrollment, enrollment);
  if (rows.empty()) return values;
  const std::vector<std::int64_t> devices{rows[0].int64(0)};
  values.clear = device_values(connection, devices, names)[devices.front()];
  values.known = values.clear;
  std::vector<std::string> secrets;
  for (const auto& name : names) {
    if (const auto secret = secret_of_variable(name)) secrets.emplace_back(*secret);
  }
  auto opened = open_secrets(connection, box, secrets);
  if (!opened) return fail(Failure::invalid, opened.error().code, opened.error().message);
  for (auto& [name, secret] : *opened) {
    values.known.emplace(variable_of_secret(name), std::to_string(secret.revision));
    values.clear.emplace(variable_of_secret(name), std::move(secret.value));
  }
  return values;
}

/// The profile for one device, named after what it was filled in with.
Result<std::string> filled_in(const plist::Dict& profile, const std::vector<std::string>& names,
                              const Values& values) {
  auto made = fill_in(profile, values.clear);
  if (names.empty()) return plist::to_xml(std::move(made));
  const auto rendering = rendering_of(names, values.known);
  if (!rendering.hash) {
    return fail(Failure::invalid, "render.missing_value",
                fmt::format("the value of ${{{}}} is not known", rendering.missing));
  }
  const auto* identity = made.string("PayloadUUID");
  const auto version = identity == nullptr ? std::nullopt : crypto::Uuid::parse(*identity);
  if (!version) return malformed_payload("it has no PayloadUUID");
  made.set("PayloadUUID", rendered_identity(*version, *rendering.hash).text());
  return plist::to_xml(std::move(made));
}

/// Runs on a database thread.
Result<std::string> fill_in_stored(pg::Connection& connection, const crypto::SecretBox& box,
                                   std::int64_t enrollment, const std::string& content) {
  const auto profile = plist::parse_dict(content, {.bytes = 2 * kLargestProfile});
  if (!profile) return malformed_payload(profile.error().message);
  const auto use = find_variables(*profile);
  if (!use) return malformed_payload(use.error().message);
  const auto values = values_for(connection, box, enrollment, use->names);
  if (!values) return std::unexpected(values.error());
  return filled_in(*profile, use->names, *values);
}

core::SharedPayload as_payload(std::string body) {
  return std::make_shared<const core::StoredPayload>(core::StoredPayload{.body = std::move(body)});
}

}  // namespace

std::string seal_payload(const crypto::SecretBox& box, std::string_view body) {
  return box.seal(body, kSealedPlace);
}

Task<Result<core::SharedPayload>> Renderer::render(std::int64_t enrollment, std::int32_t payload,
                                                   core::SharedPayload stored) {
  std::ignore = payload;
  switch (stored->rendering) {
    case core::Rendering::none:
    case core::Rendering::profile:
      co_return stored;
    case core::Rendering::per_device:
      co_return co_await fill_in_for(enrollment, std::move(stored));
    case core::Rendering::sealed: {
      auto opened = secrets_.open(stored->body, kSealedPlace);
      if (!opened) co_return fail(Failure::invalid, opened.error().code, opened.error().message);
      co_return as_payload(std::move(*opened));
    }
  }
  co_return fail(Failure::invalid, "render.unknown", "a payload of a later version of Mooring");
}

Task<Result<core::SharedPayload>> Renderer::fill_in_for(std::int64_t enrollment, core::SharedPayload stored) {
  pg::Pool::Body<std::string> body = [this, enrollment, stored](pg::Connection& connection) {
    return fill_in_stored(connection, secrets_, enrollment, stored->body);
  };
  auto filled = co_await pool_.run<std::string>(std::move(body));
  if (!filled) co_return std::unexpected(filled.error());
  co_return as_payload(install_profile_command(*filled));
}

}  // namespace mooring::director
