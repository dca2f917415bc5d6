// SPDX-License-Identifier: Apache-2.0
#include "core/scep/endpoint.hpp"

#include <algorithm>

#include "base/encoding.hpp"

namespace mooring::core {
namespace {

constexpr std::size_t kLargestMessage = std::size_t{256} << 10U;
constexpr std::string_view kPkiMessage = "application/x-pki-message";

// RFC 8894 section 3.5.2. SHA-384 is no keyword there, but it is accepted, and strongSwan 5.9.8, which
// mistakes places in its own list for flags, finds AES, SHA-256 and POST only behind it.
constexpr std::string_view kCapabilities =
    "AES\nPOSTPKIOperation\nRenewal\nSCEPStandard\nSHA-256\nSHA-384\nSHA-512\nUpdate\n";
constexpr std::string_view kLegacyCapabilities =
    "AES\nDES3\nPOSTPKIOperation\nRenewal\nSCEPStandard\nSHA-1\nSHA-256\nSHA-384\nSHA-512\nUpdate\n";

/// Base64 of either alphabet; `+` that became a space on its way is taken for what it was.
std::optional<std::string> read_message_parameter(std::string text) {
  std::ranges::replace(text, ' ', '+');
  std::ranges::replace(text, '-', '+');
  std::ranges::replace(text, '_', '/');
  std::erase_if(text, [](char c) { return c == '\r' || c == '\n'; });
  while (text.ends_with('=')) text.pop_back();
  while (text.size() % 4 != 0) text += '=';
  return from_base64(text);
}

http::Response published_certificates(const CertificateAuthority& authority) {
  const auto published = authority.published();
  if (published.size() == 1) {
    return http::Response::text(200, published.front().der, "application/x-x509-ca-cert");
  }
  std::vector<std::string> certificates;
  for (const auto& certificate : published) certificates.push_back(certificate.der);
  return http::Response::text(200, scep::certificates_only(certificates), "application/x-x509-ca-ra-cert");
}

}  // namespace

ScepEndpoint::ScepEndpoint(ScepOptions options, const CertificateAuthority& authority,
                           std::unique_ptr<scep::LegacyCiphers> legacy, const pg::ConnectOptions& connect,
                           pg::Pool& pool, crypto::CryptoPool& crypto, const Clock& clock, Logger& log,
                           Metrics& metrics)
    : options_(std::move(options)),
      authority_(authority),
      legacy_(std::move(legacy)),
      pool_(pool),
      crypto_(crypto),
      clock_(clock),
      log_(log),
      metrics_(metrics),
      store_(connect, clock, log, metrics),
      capabilities_(legacy_ ? kLegacyCapabilities : kCapabilities),
      published_(published_certificates(authority)) {
  for (const char* operation : {"GetCACaps", "GetCACert", "PKCSReq", "RenewalReq"})
    count(operation, "success");
  for (const char* result : {"badAlg", "badMessageCheck", "badRequest"}) count("PKCSReq", result);
}

std::vector<http::Route> ScepEndpoint::routes() {
  const auto handler = [this](http::Request request) { return serve(std::move(request)); };
  const auto crl_handler = [this](http::Request request) { return crl(std::move(request)); };
  return {{"GET", "/scep", handler},
          {"POST", "/scep", handler, kLargestMessage},
          {"GET", "/scep/crl", crl_handler}};
}

void ScepEndpoint::count(std::string_view operation, std::string_view result) {
  metrics_
      .counter("mooring_scep_requests_total",
               "SCEP requests by operation or message type, and what came of them.",
               {{"operation", std::string(operation)}, {"result", std::string(result)}})
      .Increment();
}

http::Response ScepEndpoint::bad_request(const Error& error, std::string_view operation,
                                         std::string_view request_id) {
  count(operation, http::status_of(error.failure) < 500 ? "refused" : "error");
  log_.warning(
      "scep request failed",
      {{"operation", operation}, {"code", error.code}, {"error", error.message}, {"request_id", request_id}});
  return http::problem(error, request_id);
}

Task<http::Response> ScepEndpoint::serve(http::Request request) {
  const std::string operation = request.query_param("operation").value_or("");
  if (operation == "PKIOperation") {
    // What a POST repeats in its query counts for nothing.
    if (request.method == "POST")
      co_return co_await pki_operation(std::move(request.body), std::move(request.id));
    auto message = read_message_parameter(request.query_param("message").value_or(""));
    co_return co_await pki_operation(message ? std::move(*message) : std::string(), std::move(request.id));
  }
  if (operation == "GetCACaps") {
    count(operation, "success");
    co_return http::Response::text(200, capabilities_, "text/plain");
  }
  if (operation == "GetCACert") {
    count(operation, "success");
    co_return published_;
  }
  if (operation == "GetNextCACert") {
    const Error error{Failure::invalid, "scep.no_next_ca",
                      "there is no next authority: GetNextCACert is not offered"};
    co_return bad_request(error, operation, request.id);
  }
  const Error error{Failure::invalid, "scep.operation",
                    "the query parameter operation must be GetCACaps, GetCACert or PKIOperation"};
  co_return bad_request(error, "other", request.id);
}

Task<http::Response> ScepEndpoint::pki_operation(std::string body, std::string request_id) {
  std::function<Result<scep::Message>()> read = [this, body = std::move(body), now = clock_.now()] {
    return scep::receive(body, party(), now);
  };
  auto received = co_await crypto_.run<scep::Message>(std::move(read));
  if (!received) co_return bad_request(received.error(), "other", request_id);
  const Message message = std::make_shared<const scep::Message>(std::move(*received));
  auto answered = co_await answer(message);
  if (!answered) co_return bad_request(answered.error(), scep::name_of(message->type), request_id);
  count(scep::name_of(message->type), answered->result);
  co_return http::Response::text(200, std::move(answered->body), kPkiMessage);
}

Task<http::Response> ScepEndpoint::crl(http::Request request) {
  pg::Pool::Body<std::string> body = [this, now = clock_.now()](pg::Connection& connection) {
    return authority_.crl(connection, now);
  };
  auto list = co_await pool_.run<std::string>(std::move(body));
  if (!list) co_return bad_request(list.error(), "crl", request.id);
  count("crl", "success");
  co_return http::Response::text(200, std::move(*list), "application/pkix-crl");
}

}  // namespace mooring::core
