// SPDX-License-Identifier: Apache-2.0
// A server that wants to know who speaks, its authority, and messages that are signed.
#pragma once

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "tests/support/pki.hpp"
#include "tests/support/world.hpp"

namespace mooring::test {

inline constexpr const char* kPhone = "00008101-000A1B2C3D4E001E";
inline constexpr const char* kOtherPhone = "00008101-000FFFFFFFFF001E";

/// What the row of an issued certificate says besides.
struct Issued {
  std::string renews = {};  ///< Hash, hex.
  std::string udid = {};
  std::string serial_number = {};
  std::string user_name = {};
  std::string enrollment_profile = {};
};

struct IdentityWorld {
  explicit IdentityWorld(core::IdentityOptions options = {},
                         core::UnknownDevicePolicy unknown = core::UnknownDevicePolicy::ignore)
      : world({}, {}, with_anchor(std::move(options)), unknown) {}

  static const Holder& authority() {
    static const Holder kAuthority = make_authority();
    return kAuthority;
  }
  static core::IdentityOptions with_anchor(core::IdentityOptions options) {
    options.trust.anchors.push_back(authority().certificate.der);
    return options;
  }
  static Holder make_identity(HolderOptions options = {}) {
    return make_holder("device", &authority(), options);
  }

  /// As SCEP records it.
  void record(const Holder& holder, const Issued& row = {}) {
    static constexpr pg::Statement kRecord{"test_record_certificate", R"(
insert into certificates (serial, hash, key_hash, transaction_id, der, subject, not_before, not_after, issued_at,
                          renews, udid, serial_number, user_name, enrollment_profile)
values ($1, decode($2, 'hex'), '', '', $3, '', $4, $5, $4, decode(nullif($6, ''), 'hex'), nullif($7, ''),
        nullif($8, ''), nullif($9, ''), nullif($10, '')))"};
    const auto& c = holder.certificate;
    world.db.connection().exec(kRecord, pg::Bytes{c.serial}, c.hash(), pg::Bytes{c.der}, c.not_before,
                               c.not_after, row.renews, row.udid, row.serial_number, row.user_name,
                               row.enrollment_profile);
  }

  static http::Request request(const plist::Dict& message) {
    http::Request request;
    request.method = "PUT";
    request.target = "/mdm";
    request.remote_address = "203.0.113.9";
    request.body = plist::to_xml(message);
    return request;
  }
  static void sign(http::Request& request, const Holder& holder,
                   crypto::Digest digest = crypto::Digest::sha256) {
    request.headers.set("Mdm-Signature",
                        to_base64(*crypto::sign_detached(request.body, holder.signer(), digest)));
  }
  http::Response put(const plist::Dict& message, const Holder& holder) {
    auto signed_request = request(message);
    sign(signed_request, holder);
    return world.send(std::move(signed_request));
  }

  int authenticate(const Holder& holder, const std::string& udid = kPhone,
                   const std::string& serial = "F17TEST") {
    return put({{"MessageType", "Authenticate"},
                {"Topic", "com.apple.mgmt.External.test"},
                {"UDID", udid},
                {"SerialNumber", serial},
                {"ProductName", "iPhone14,5"},
                {"OSVersion", "18.1"}},
               holder)
        .status;
  }
  int token_update(const Holder& holder, const std::string& udid = kPhone) {
    return put({{"MessageType", "TokenUpdate"},
                {"Topic", "com.apple.mgmt.External.test"},
                {"UDID", udid},
                {"PushMagic", "magic"},
                {"Token", plist::Data{"token"}}},
               holder)
        .status;
  }
  int check_out(const Holder& holder, const std::string& udid = kPhone) {
    return put({{"MessageType", "CheckOut"}, {"Topic", "com.apple.mgmt.External.test"}, {"UDID", udid}},
               holder)
        .status;
  }
  static plist::Dict idle_message(const std::string& udid = kPhone) {
    return {{"UDID", udid}, {"Status", "Idle"}};
  }
  http::Response idle(const Holder& holder, const std::string& udid = kPhone) {
    return put(idle_message(udid), holder);
  }
  void enroll(const Holder& holder, const std::string& udid = kPhone) {
    ASSERT_EQ(authenticate(holder, udid), 200);
    ASSERT_EQ(token_update(holder, udid), 200);
  }

  /// Counted since the start, over all sources.
  double checks(const std::string& result) const {
    double total = 0;
    std::istringstream page(world.db.metrics.text());
    for (std::string line; std::getline(page, line);) {
      if (line.starts_with("mooring_identity_checks_total{") &&
          line.find("result=\"" + result + "\"") != line.npos) {
        total += std::stod(line.substr(line.rfind(' ')));
      }
    }
    return total;
  }
  static std::string code(const http::Response& response) {
    const auto at = response.body.find("\"code\":\"");
    if (at == std::string::npos) return {};
    return response.body.substr(at + 8, response.body.find('"', at + 8) - at - 8);
  }
  /// Lets other servers' changes be seen.
  void pass_time(Duration by = std::chrono::seconds(10)) { world.advance(by); }

  World world;
};

}  // namespace mooring::test
