// SPDX-License-Identifier: Apache-2.0
// How a device comes to its enrollment: it fetches a profile, trusts what is in it, asks by SCEP for a
// certificate, and from then on signs what it says.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "base/async.hpp"
#include "base/crypto/cms.hpp"
#include "base/crypto/x509.hpp"
#include "base/http/message.hpp"
#include "base/http/tls.hpp"
#include "base/result.hpp"
#include "simulator/identity.hpp"

namespace mooring::simulator {

/// What a device takes from an enrollment profile (Apple: mdm/profiles/com.apple.mdm.yaml,
/// com.apple.security.scep.yaml, com.apple.security.root.yaml).
struct EnrollmentProfile {
  std::string identifier;
  std::string server_url;
  std::string check_in_url;  ///< server_url where the profile names none.
  std::string topic;
  bool sign_message = false;
  std::string scep_url;
  std::string scep_challenge;
  std::vector<crypto::NameAttribute> subject;
  std::string trust;  ///< PEM of the roots it brings.
};

/// Signed or not. Errors: enrollment.profile with the key that is missing or wrong.
Result<EnrollmentProfile> read_enrollment_profile(std::string_view bytes);

/// "https://host:8443/mdm?a=b" as base and target; nullopt where it is no absolute http(s) URL.
struct SplitUrl {
  std::string base;
  std::string target;
};
std::optional<SplitUrl> split_url(std::string_view url);

/// A device's place at a server.
struct Enrollment {
  EnrollmentProfile profile;
  crypto::PrivateKey key;
  crypto::Certificate certificate;

  /// What the device trusts and shows when it connects.
  http::ClientTls tls() const;
  /// Adds Mdm-Signature where the profile asks for it (SignMessage).
  void sign(http::Request& request) const;
};

struct EnrollmentWay {
  std::string url;    ///< Of the profile.
  std::string trust;  ///< PEM of what the device trusts before it has a profile; empty: the system's roots.
  std::string authorization = {};  ///< Of HTTP Basic, "user:password"; empty: none.
};
/// What a device does with a profile that it has, its first or one that renews: GetCACert, GetCACaps and
/// PKIOperation. `key` must be RSA. Errors: of the transport, enrollment.refused where a status is not 200,
/// scep.*.
Task<Result<Enrollment>> take_up(boost::asio::any_io_executor executor, EnrollmentProfile profile,
                                 crypto::PrivateKey key, Identity identity);
/// GET of the profile, then GetCACert, GetCACaps and PKIOperation. `key` must be RSA. Errors: of the
/// transport, enrollment.refused where a status is not 200, enrollment.profile, scep.*.
Task<Result<Enrollment>> fetch_enrollment(boost::asio::any_io_executor executor, EnrollmentWay way,
                                          crypto::PrivateKey key, Identity identity);

}  // namespace mooring::simulator
