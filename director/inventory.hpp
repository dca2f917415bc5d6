// SPDX-License-Identifier: Apache-2.0
// What is asked of every device, and what is kept of its answers. Command dictionaries are XML fragments;
// answers become JSON: data in base64, dates in RFC 3339. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/plist/value.hpp"
#include "base/result.hpp"
#include "schema/key.hpp"

namespace mooring::director {

std::string profile_list_inventory_command();
std::string security_info_command();
std::string certificate_list_command();
/// Asks for all that Apple's schema knows of such a device. Not for DevicePropertiesAttestation, which costs
/// one of the few attestations that Apple allows, and not for PushToken, which check-ins bring.
std::string device_information_command(const schema::Target& target = {});
std::vector<std::string> information_queries(const schema::Target& target);

// From acknowledged reports; an error where the answer is absent: then it is evidence of nothing.

/// QueryResponses of DeviceInformation.
Result<std::string> facts_from_report(const plist::Dict& report);
/// SecurityInfo, without recovery keys: those are for an escrow, not for everybody who reads facts.
Result<std::string> security_from_report(const plist::Dict& report);
/// CertificateList as an array, in the order of the certificates' bytes. What cannot be read as a certificate
/// has no subject, issuer and dates.
Result<std::string> certificates_from_report(const plist::Dict& report);

}  // namespace mooring::director
