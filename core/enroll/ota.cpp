// SPDX-License-Identifier: Apache-2.0
// Over-the-air enrollment (legacy, Apple's "Over-the-Air Profile Delivery and Configuration"), three phases:
//   1. A "Profile Service" payload with a one-time challenge, for whoever may have the enrollment profile.
//   2. The device signs its attributes and the challenge with its own certificate, and gets a SCEP payload.
//   3. It signs them with the certificate that it got, and gets the enrollment profile.
#include <algorithm>

#include "base/plist/plist.hpp"
#include "core/enroll/detail/tokens.hpp"
#include "core/enroll/endpoint.hpp"

namespace mooring::core::enroll {
namespace {

constexpr std::chrono::minutes kOtaLifetime{60};

constexpr pg::Statement kEnrollmentSigner{"enrollment_signer", R"(
select enrollment_profile, user_name, udid, serial_number from certificates
where hash = $1 and revoked_at is null and not_after > $2)"};

/// Whom phase 3 knows by the certificate.
struct KnownSigner {
  bool issued_here = false;
  std::string profile, user_name, udid, serial_number;
};

KnownSigner known_signer(pg::Connection& db, std::string_view der, Time now) {
  const auto hash = crypto::sha256(der);
  const auto rows = db.exec(kEnrollmentSigner, pg::Bytes{crypto::bytes_of(hash)}, now);
  if (rows.empty()) return {};
  const auto text = [&](int column) { return rows[0].get<std::optional<std::string>>(column).value_or(""); };
  return {.issued_here = true,
          .profile = text(0),
          .user_name = text(1),
          .udid = text(2),
          .serial_number = text(3)};
}

std::string attribute(const plist::Dict& attributes, const char* name) {
  if (const auto* text = attributes.string(name)) return *text;
  const auto* data = attributes.data(name);
  return data == nullptr ? std::string() : data->bytes;
}

/// UDID and serial number, where they look like some.
Result<Applicant> applicant_of(const plist::Dict& attributes) {
  Applicant applicant{.udid = attribute(attributes, "UDID"),
                      .serial_number = attribute(attributes, "SERIAL")};
  if (applicant.udid.empty() || !detail::is_device_name(applicant.udid) ||
      !detail::is_device_name(applicant.serial_number)) {
    return fail(Failure::invalid, "enrollment.bad_device",
                "UDID or SERIAL is missing or not that of a device");
  }
  return applicant;
}

std::string profile_service(const StoredProfile& profile, const std::string& device_url,
                            const std::string& token) {
  const auto& settings = profile.settings;
  const auto identifier =
      settings.identifier.empty() ? "mooring.enrollment." + profile.name : settings.identifier;
  plist::Dict dict{
      {"PayloadType", "Profile Service"},
      {"PayloadVersion", 1},
      {"PayloadIdentifier", identifier + ".service"},
      {"PayloadUUID", crypto::Uuid::derived("profile service", token).text()},
      {"PayloadDisplayName", settings.display_name},
      {"PayloadContent",
       plist::Dict{{"URL", device_url + "/ota/phase23"},
                   {"DeviceAttributes", plist::Array{"UDID", "VERSION", "PRODUCT", "SERIAL", "MEID", "IMEI"}},
                   {"Challenge", token}}}};
  if (!settings.organization.empty()) dict.set("PayloadOrganization", settings.organization);
  if (!settings.description.empty()) dict.set("PayloadDescription", settings.description);
  return plist::to_xml(dict);
}

std::unexpected<Error> other_device() {
  return fail(Failure::forbidden, "enrollment.other_device",
              "The certificate was issued for another device than the one that the message names.");
}

}  // namespace

Task<http::Response> EnrollEndpoint::ota_begin(http::Request request) {
  auto visitor = co_await admit(request, Way::ota);
  if (!visitor) co_return std::move(visitor.error());
  const auto& profile = visitor->profile;
  if (!uses_own_scep(profile.settings)) {
    const Error error{Failure::conflict, "enrollment.ota_unsupported",
                      "Over-the-air enrollment needs certificates from this server's own SCEP."};
    co_return refuse(request, Way::ota, error);
  }
  auto token = co_await make_token(detail::kOtaToken, profile.name, visitor->user_name, kOtaLifetime);
  if (!token) co_return refuse(request, Way::ota, token.error());
  MadeProfile made{.xml = profile_service(profile, d_.device_url(), *token), .sign = profile.settings.sign};
  co_return co_await deliver(request, Way::ota, std::move(made), profile.name);
}

Task<http::Response> EnrollEndpoint::ota_phases(http::Request request) {
  auto message = co_await open_signed(request.body);
  if (!message) co_return refuse(request, Way::ota, message.error());
  auto attributes = plist::parse_dict(message->content);
  if (!attributes) co_return refuse(request, Way::ota, attributes.error());
  auto applicant = applicant_of(*attributes);
  if (!applicant) co_return refuse(request, Way::ota, applicant.error());
  pg::Pool::Body<KnownSigner> ask = [signer = message->signer,
                                     now = d_.clock.now()](pg::Connection& db) -> Result<KnownSigner> {
    return known_signer(db, signer, now);
  };
  auto known = co_await d_.pool.run<KnownSigner>(std::move(ask));
  if (!known) co_return refuse(request, Way::ota, known.error());
  if (!known->issued_here) {
    co_return co_await ota_identity(std::move(request), std::move(*attributes), std::move(*message));
  }
  if ((!known->udid.empty() && known->udid != applicant->udid) ||
      (!known->serial_number.empty() && known->serial_number != applicant->serial_number)) {
    co_return refuse(request, Way::ota, other_device().error());
  }
  applicant->user_name = known->user_name;
  const std::string name = known->profile.empty() ? std::string(kDefaultProfile) : known->profile;
  co_return co_await ota_offer(std::move(request), name, std::move(*applicant), true);
}

/// Phase 2: the challenge says who sent the device here; the signature, where its authority is known, that it
/// is one.
Task<http::Response> EnrollEndpoint::ota_identity(http::Request request, plist::Dict attributes,
                                                  crypto::Signed message) {
  if (!d_.ota_roots.empty()) {
    std::function<Result<>()> job = [message, roots = d_.ota_roots, now = d_.clock.now()] {
      return crypto::check_chain(message.signer, {.roots = roots,
                                                  .intermediates = message.certificates,
                                                  .purpose = crypto::Purpose::any,
                                                  .at = now,
                                                  .skew = std::chrono::hours(24)});
    };
    if (const auto trusted = co_await d_.crypto.run<void>(std::move(job)); !trusted) {
      const Error error{Failure::forbidden, "enrollment.bad_signer",
                        "The message is signed by nobody known here: " + trusted.error().message};
      co_return refuse(request, Way::ota, error);
    }
  }
  auto token = co_await take_token(detail::kOtaToken, "", attribute(attributes, "CHALLENGE"));
  if (!token) co_return refuse(request, Way::ota, token.error());
  auto applicant = applicant_of(attributes);
  if (!applicant) co_return refuse(request, Way::ota, applicant.error());
  applicant->user_name = token->user_name;
  co_return co_await ota_offer(std::move(request), token->profile, std::move(*applicant), false);
}

Task<http::Response> EnrollEndpoint::ota_offer(http::Request request, std::string name, Applicant applicant,
                                               bool whole) {
  pg::Pool::Body<MadeProfile> body = [this, name, applicant, whole,
                                      now = d_.clock.now()](pg::Connection& db) -> Result<MadeProfile> {
    const auto profile = d_.profiles.find(db, name);
    if (!profile) return std::unexpected(profile.error());
    if (profile->settings.access == Access::closed) {
      return fail(Failure::forbidden, "enrollment.closed", "This enrollment was closed in the meantime.");
    }
    if (whole) return d_.profiles.offer(db, name, applicant, now);
    return d_.profiles.offer_identity(db, name, applicant, now);
  };
  auto made = co_await d_.pool.transaction<MadeProfile>(std::move(body));
  co_return co_await deliver(request, Way::ota, std::move(made), name);
}

}  // namespace mooring::core::enroll
