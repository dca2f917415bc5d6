// SPDX-License-Identifier: Apache-2.0
// The body of a webhook: MicroMDM's event with the fields that NanoMDM added (mdm-core.md 7.2). Pure.
#pragma once

#include <string>
#include <string_view>

#include "core/outbox/event_reader.hpp"

namespace mooring::core {

/// NanoMDM's word: "Device", "User", "User Enrollment (Device)", "User Enrollment", "Shared iPad".
std::string_view nanomdm_type_of(EnrollmentKind kind);

/// What the device wrote as Status: known ones by what is stored, others from the message; empty where
/// neither says it.
std::string status_text_of(const StoredEvent& event, std::string_view body);

/// `body`: the message as it came; empty where it was not kept, which leaves raw_payload empty.
std::string webhook_json(const StoredEvent& event, const crypto::Uuid& uuid, std::string_view body);

/// X-Hmac-Signature: base64 of HMAC-SHA256 over the body.
std::string webhook_signature(std::string_view key, std::string_view json);

}  // namespace mooring::core
