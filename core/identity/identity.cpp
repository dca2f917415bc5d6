// SPDX-License-Identifier: Apache-2.0
#include "core/identity/identity.hpp"

#include "base/encoding.hpp"

namespace mooring::core {
namespace {

constexpr std::array kSources{IdentitySource::none, IdentitySource::signature, IdentitySource::header,
                              IdentitySource::tls};
constexpr std::array kCheckResults{"known",  "associated", "renewed", "superseded", "missing", "malformed",
                                   "forged", "untrusted",  "revoked", "refused",    "unknown", "failed"};

/// The reason of a refusal as one of kCheckResults.
const char* result_of(const Error& error) {
  const std::string_view code = error.code;
  if (error.failure != Failure::invalid) return "failed";
  if (code == "identity.missing") return "missing";
  if (code == "cms.signature") return "forged";
  if (code == "identity.signature" || code == "identity.header" || code == "certificate.malformed" ||
      code.starts_with("cms.")) {
    return "malformed";
  }
  if (code.starts_with("certificate.")) return "untrusted";
  if (code == "identity.unknown_device" || code == "identity.unknown_certificate") return "unknown";
  if (code == "identity.revoked" || code == "identity.removed") return "revoked";
  return "refused";
}

const char* result_of(const Admission& admission) {
  if (admission.renewal) return "renewed";
  if (admission.associated) return "associated";
  return admission.superseded ? "superseded" : "known";
}

}  // namespace

Identity::Identity(IdentityOptions options, const pg::ConnectOptions& connect, crypto::CryptoPool& crypto,
                   const Clock& clock, Logger& log, Metrics& metrics)
    : header_(options.sender.header),
      senders_(std::move(options.sender), std::make_shared<Trust>(std::move(options.trust)), crypto, clock),
      associations_(options.association, connect, clock, log, metrics),
      log_(log) {
  for (const auto source : kSources) {
    for (const auto* result : kCheckResults) {
      checks_[{source, result}] = &metrics.counter(
          "mooring_identity_checks_total", "Messages by where their identity came from and what was found.",
          {{"source", std::string(name_of(source))}, {"result", result}});
    }
  }
}

void Identity::count(IdentitySource source, const std::string& result) {
  checks_.at({source, result})->Increment();
}

void Identity::refuse(IdentitySource source, const http::Request& request, std::string_view enrollment,
                      const std::string& hash, const Error& error) {
  count(source, result_of(error));
  log_.warning("refused the identity of a device", {{"request_id", request.id},
                                                    {"enrollment_id", enrollment},
                                                    {"remote_address", request.remote_address},
                                                    {"source", name_of(source)},
                                                    {"certificate_hash", hash},
                                                    {"code", error.code},
                                                    {"error", error.message}});
}

Task<Result<ProvenSender>> Identity::check(const http::Request* request, Claim claim) {
  const auto source = senders_.source_of(*request);
  auto certificate = co_await senders_.certificate_of(request);
  if (!certificate) {
    refuse(source, *request, claim.enrollment, {}, certificate.error());
    co_return std::unexpected(certificate.error());
  }
  ProvenSender sender{.certificate_hash = to_hex(certificate->hash), .admission = {}};
  const std::string enrollment = claim.enrollment;
  auto admission = co_await associations_.admit(std::move(*certificate), std::move(claim));
  if (!admission) {
    refuse(source, *request, enrollment, sender.certificate_hash, admission.error());
    co_return std::unexpected(admission.error());
  }
  count(source, result_of(*admission));
  if (admission->associated) {
    log_.info("a certificate speaks for an enrollment from now on",
              {{"request_id", request->id},
               {"enrollment_id", enrollment},
               {"certificate_hash", sender.certificate_hash},
               {"renewal", admission->renewal}});
  }
  sender.admission = std::move(*admission);
  co_return sender;
}

Task<Result<std::string>> Identity::enrollment_of(const http::Request* request) {
  const auto source = senders_.source_of(*request);
  auto certificate = co_await senders_.certificate_of(request);
  if (!certificate) {
    refuse(source, *request, {}, {}, certificate.error());
    co_return std::unexpected(certificate.error());
  }
  const std::string hash = to_hex(certificate->hash);
  auto enrollment = co_await associations_.enrollment_of(std::move(*certificate));
  if (!enrollment) {
    refuse(source, *request, {}, hash, enrollment.error());
  } else {
    count(source, "known");
  }
  co_return enrollment;
}

void Identity::forget(const std::string& certificate_hash) {
  if (const auto bytes = from_hex(certificate_hash)) associations_.forget(*bytes);
}

void Identity::forget(std::span<const std::string> hashes) {
  for (const auto& hash : hashes) associations_.forget(hash);
}

bool Identity::is_own_header(std::string_view name) const {
  return equal_ignoring_case(name, "Mdm-Signature") ||
         (!header_.empty() && equal_ignoring_case(name, header_));
}

}  // namespace mooring::core
