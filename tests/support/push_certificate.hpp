// SPDX-License-Identifier: Apache-2.0
// Push certificates as Apple would issue them, for tests.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/crypto/x509.hpp"

namespace mooring::test {

inline constexpr const char* kPushTopic = "com.apple.mgmt.External.simulator";

struct PushCertificateSpec {
  std::string topic = kPushTopic;
  Time not_before;
  Time not_after;
  std::string extra = {};  ///< Value of a CN, so that two certificates differ in more than their keys.
};

/// Certificate and key in one PEM text, from an authority of its own.
std::string make_push_certificate(
    const PushCertificateSpec& spec,
    const crypto::PrivateKey& key = crypto::PrivateKey::generate(crypto::KeyType::ec_p256));

}  // namespace mooring::test
