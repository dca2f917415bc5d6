// SPDX-License-Identifier: Apache-2.0
#include "core/identity/sender.hpp"

#include <algorithm>

#include "base/crypto/cms.hpp"
#include "base/encoding.hpp"
#include "core/identity/certificate_header.hpp"

namespace mooring::core {
namespace {

constexpr std::string_view kSignatureHeader = "Mdm-Signature";

Result<TrustedCertificate> check_mdm_signature(std::string_view header, std::string_view body, Trust& trust,
                                               Time now) {
  const auto der = from_base64(header);
  if (!der || der->empty()) {
    return fail(Failure::invalid, "identity.signature", "the Mdm-Signature header is not base64");
  }
  const auto proven = crypto::verify_detached(*der, body);
  if (!proven) return std::unexpected(proven.error());
  return trust.check(proven->signer, proven->certificates, now);
}

/// A proxy that adds to a header instead of replacing it would let anybody speak first.
Result<std::string> only_value(const http::Headers& headers, std::string_view name) {
  const auto same = [&](const auto& field) { return equal_ignoring_case(field.first, name); };
  if (std::ranges::count_if(headers.all(), same) > 1) {
    return fail(Failure::invalid, "identity.header", "the certificate header came more than once");
  }
  return std::string(headers.get(name));
}

}  // namespace

std::string_view name_of(IdentitySource source) {
  switch (source) {
    case IdentitySource::none:
      return "none";
    case IdentitySource::signature:
      return "signature";
    case IdentitySource::header:
      return "header";
    case IdentitySource::tls:
      return "tls";
  }
  return "none";
}

IdentitySource source_of(const http::Request& request, const SenderOptions& options) {
  if (request.headers.has(kSignatureHeader)) return IdentitySource::signature;
  if (!options.header.empty() && request.headers.has(options.header) &&
      options.proxies.contains(request.remote_address)) {
    return IdentitySource::header;
  }
  return request.peer_certificate.empty() ? IdentitySource::none : IdentitySource::tls;
}

Task<Result<TrustedCertificate>> Senders::certificate_of(const http::Request* request) {
  using Job = std::function<Result<TrustedCertificate>()>;
  const Time now = clock_.now();
  switch (source_of(*request)) {
    case IdentitySource::signature: {
      Job job = [trust = trust_, request, now] {
        return check_mdm_signature(request->headers.get(kSignatureHeader), request->body, *trust, now);
      };
      co_return co_await pool_.run<TrustedCertificate>(std::move(job));
    }
    case IdentitySource::header: {
      auto value = only_value(request->headers, options_.header);
      if (!value) co_return std::unexpected(value.error());
      auto der = certificate_of_header(*value);
      if (!der) co_return std::unexpected(der.error());
      Job job = [trust = trust_, der = std::move(*der), now] { return trust->check(der, {}, now); };
      co_return co_await pool_.run<TrustedCertificate>(std::move(job));
    }
    case IdentitySource::tls: {
      Job job = [trust = trust_, request, now] { return trust->check(request->peer_certificate, {}, now); };
      co_return co_await pool_.run<TrustedCertificate>(std::move(job));
    }
    case IdentitySource::none:
      break;
  }
  co_return fail(
      Failure::invalid, "identity.missing",
      "the message does not say who sent it: neither an Mdm-Signature header nor a client certificate "
      "came with it");
}

}  // namespace mooring::core
