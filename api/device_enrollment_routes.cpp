// SPDX-License-Identifier: Apache-2.0
// What an administrator does to a device's enrollment: ends it, or renews the certificate that it rests on.
#include <array>

#include "api/detail/endpoint.hpp"
#include "api/detail/json.hpp"
#include "base/crypto/crypto.hpp"
#include "base/plist/plist.hpp"
#include "core/command_builder.hpp"
#include "core/end_enrollment.hpp"
#include "core/enroll/profiles.hpp"
#include "core/requests.hpp"
#include "director/devices.hpp"
#include "director/renderer.hpp"

namespace mooring::api::detail {
namespace {

Result<Answer> post_unenroll(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  auto ended =
      core::end_enrollment(call.db, {.id = device->udid}, {}, R"({"by": "administrator"})", call.now);
  Answer answer = json_response(
      200, {{"udid", device->udid}, {"enrolled", false}, {"revoked_certificates", ended.identities.size()}});
  answer.revoked = std::move(ended.identities);
  answer.ring = true;
  return answer;
}

/// As the device will install it: signed where its settings say so.
Result<std::string> profile_bytes(const core::enroll::MadeProfile& made, Call call) {
  const auto signer = made.sign && *call.profile_signer ? (*call.profile_signer)() : nullptr;
  if (signer == nullptr) return made.xml;
  return crypto::sign_attached(made.xml, *signer);
}

Result<Answer> post_renew_identity(Call call) {
  const auto device = director::find_device(call.db, call.request.param("id"));
  if (!device) return std::unexpected(device.error());
  if (!device->enrolled) {
    return fail(Failure::conflict, "device.not_enrolled",
                "the device is not enrolled: it gets a certificate when it enrolls");
  }
  const auto channel = director::device_channel(call.db, device->id);
  if (!channel) return std::unexpected(channel.error());
  const auto made = call.enrollment->renew(call.db, device->udid, call.now);
  if (!made) return std::unexpected(made.error());
  auto bytes = profile_bytes(*made, call);
  if (!bytes) return std::unexpected(bytes.error());
  const auto command = core::build_command("InstallProfile", {{"Payload", plist::Data{std::move(*bytes)}}});
  if (!command) return std::unexpected(command.error());
  // It carries a challenge that is good for a certificate of this device.
  const auto body = director::seal_payload(call.secrets, plist::to_xml_fragment(*command));
  const auto uuid = crypto::Uuid::random().text();
  const Time expires_at = call.now + core::enroll::kRenewalLifetime;
  const core::NewRequest request{.uuid = core::encode_command_uuid(uuid),
                                 .body = body,
                                 .request_type = "InstallProfile",
                                 .relayed = false,
                                 .rendering = core::Rendering::sealed,
                                 .enrollments = {*channel},
                                 .expires_at = expires_at,
                                 .first_repush = call.first_repush};
  core::send_request(call.db, request, call.now);
  Answer answer = json_response(202, {{"command_uuid", uuid}, {"expires_at", to_rfc3339(expires_at)}});
  answer.counts = {{"InstallProfile", "queued", 1}};
  answer.push = {*channel};
  return answer;
}

}  // namespace

std::span<const Endpoint> device_enrollment_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"POST", "/v1/devices/{id}/unenroll", Access::write, post_unenroll},
      Endpoint{"POST", "/v1/devices/{id}/renew-identity", Access::write, post_renew_identity},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail
