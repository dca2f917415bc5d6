// SPDX-License-Identifier: Apache-2.0
#include "core/scep/policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/crypto/crypto.hpp"
#include "base/encoding.hpp"

namespace mooring::core::scep {
namespace {

constexpr std::size_t kMostAttributes = 16;

struct Allowed {
  std::string_view type;
  std::size_t longest;  ///< Characters: RFC 5280 appendix A.1 and RFC 4519.
};
constexpr std::array kAllowed{
    Allowed{"CN", 64},  Allowed{"serialNumber", 64}, Allowed{"UID", 255}, Allowed{"O", 64},
    Allowed{"OU", 64},  Allowed{"L", 128},           Allowed{"ST", 128},  Allowed{"C", 2},
    Allowed{"DC", 255}, Allowed{"emailAddress", 255}};

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

/// The forms of Apple's UDIDs: 40 hex digits, 8-16, or a UUID.
bool looks_like_udid(std::string_view text) {
  if (text.size() == 40) return is_hex(text);
  if (text.size() == 25) return text[8] == '-' && is_hex(text.substr(0, 8)) && is_hex(text.substr(9));
  return crypto::Uuid::parse(text).has_value();
}

/// Whether an attribute names another device than the binding's.
bool contradicts(const crypto::NameAttribute& attribute, const Binding& binding) {
  const auto& [type, value] = attribute;
  if (type != "CN" && type != "serialNumber" && type != "UID") return false;
  if (equal_ignoring_case(value, binding.udid) || equal_ignoring_case(value, binding.serial_number))
    return false;
  if (looks_like_udid(value)) return !binding.udid.empty();
  return type == "serialNumber" && !binding.serial_number.empty();
}

std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::optional<std::string> reason_against(const crypto::NameAttribute& attribute, std::size_t longest) {
  const auto& [type, value] = attribute;
  if (value.empty() || !is_utf8(value) || characters(value) > longest) {
    return fmt::format("{} is empty, or longer than {} characters", type, longest);
  }
  const bool control =
      std::ranges::any_of(value, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  if (control) return fmt::format("{} holds control characters", type);
  return std::nullopt;
}

std::unexpected<Refusal> bad_subject(std::string why) {
  return std::unexpected(Refusal{FailInfo::bad_request, "subject: " + why});
}

std::vector<crypto::NameAttribute> fallback_subject(const Binding& binding) {
  if (!binding.udid.empty()) return {{"CN", binding.udid.substr(0, 64)}};
  if (!binding.serial_number.empty()) return {{"CN", binding.serial_number.substr(0, 64)}};
  return {{"CN", "device"}};
}

Decision refused(FailInfo info, const char* why) { return Refusal{info, why}; }

Decision decide_renewal(const Known& known, const EnrollmentPolicy& policy, Time now) {
  if (!known.signer)
    return refused(FailInfo::bad_message_check, "its signer is no certificate of this server");
  if (known.signer->revoked) return refused(FailInfo::bad_request, "its signer's certificate is revoked");
  if (known.signer->not_after + policy.renewal_grace < now) {
    return refused(FailInfo::bad_request, "its signer's certificate expired");
  }
  const std::string hash(crypto::bytes_of(crypto::sha256(known.signer->der)));
  if (known.prior && known.prior->renews == hash) return Repeat{known.prior->der};
  return Grant{.renewal = true, .binding = known.signer->binding, .renews = hash};
}

Decision decide_challenge(const Known& known, const EnrollmentPolicy& policy, Time now) {
  if (policy.static_challenge) {
    const bool same = known.prior && !known.prior->challenge && known.prior->renews.empty();
    return same ? Decision(Repeat{known.prior->der}) : Decision(Grant{});
  }
  if (!known.challenge) return refused(FailInfo::bad_request, "its challenge is not known");
  const auto& challenge = *known.challenge;
  if (known.prior && known.prior->challenge == challenge.id) return Repeat{known.prior->der};
  if (challenge.expires_at <= now) return refused(FailInfo::bad_request, "its challenge expired");
  if (challenge.one_time && challenge.used)
    return refused(FailInfo::bad_request, "its challenge was used before");
  if (challenge.renewed_revoked)
    return refused(FailInfo::bad_request, "the certificate that it renews is revoked");
  return Grant{.challenge = challenge.id,
               .one_time = challenge.one_time,
               .binding = challenge.binding,
               .renews = challenge.renews};
}

}  // namespace

Decision decide(const Message& message, const Known& known, const EnrollmentPolicy& policy, Time now) {
  if (!message.ask) return refused(FailInfo::bad_request, "it has no PKCS#10");
  // A certificate of ours proves as much in a PKCSReq: strongSwan renews that way.
  const bool by_certificate =
      message.type != MessageType::pkcs_req || (message.ask->challenge.empty() && known.signer.has_value());
  if (by_certificate) return decide_renewal(known, policy, now);
  if (message.ask->challenge.empty()) return refused(FailInfo::bad_request, "it has no challenge");
  return decide_challenge(known, policy, now);
}

std::expected<std::vector<crypto::NameAttribute>, Refusal> subject_of(const CertificateAsk& ask,
                                                                      const Binding& binding) {
  std::vector<crypto::NameAttribute> subject;
  for (const auto& attribute : ask.subject) {
    const auto allowed = std::ranges::find(kAllowed, attribute.first, &Allowed::type);
    if (allowed == kAllowed.end()) continue;
    if (auto reason = reason_against(attribute, allowed->longest)) return bad_subject(std::move(*reason));
    if (contradicts(attribute, binding)) {
      return bad_subject(attribute.first +
                         " names another device than the one that the challenge was made for");
    }
    subject.push_back(attribute);
  }
  if (subject.size() > kMostAttributes) return bad_subject("it has more than 16 attributes");
  if (subject.empty()) return fallback_subject(binding);
  return subject;
}

std::expected<std::vector<crypto::NameAttribute>, Refusal> renewed_subject(const CertificateAsk& ask,
                                                                           const Binding& binding,
                                                                           const crypto::Certificate& old) {
  if (ask.subject.empty()) return old.name;
  auto subject = subject_of(ask, binding);
  if (subject && *subject != old.name)
    return bad_subject("it is another than that of the certificate to be renewed");
  return subject;
}

}  // namespace mooring::core::scep
