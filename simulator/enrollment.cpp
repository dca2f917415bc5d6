// SPDX-License-Identifier: Apache-2.0
#include "simulator/enrollment.hpp"

#include <memory>
#include <utility>

#include "base/crypto/crypto.hpp"
#include "base/encoding.hpp"
#include "base/http/client.hpp"
#include "base/plist/plist.hpp"
#include "simulator/scep_client.hpp"

namespace mooring::simulator {
namespace {

std::unexpected<Error> bad_profile(std::string what) {
  return fail(Failure::invalid, "enrollment.profile", "the enrollment profile " + std::move(what));
}

std::string text_of(const plist::Dict& dict, std::string_view key) {
  const auto* text = dict.string(key);
  return text == nullptr ? std::string() : *text;
}

/// [[["O", "Example"]], [["CN", "x"]]]: each inner list is one RDN.
std::vector<crypto::NameAttribute> subject_of(const plist::Dict& scep) {
  std::vector<crypto::NameAttribute> subject;
  const auto* names = scep.array("Subject");
  if (names == nullptr) return subject;
  for (const auto& name : *names) {
    const auto* parts = name.as<plist::Array>();
    if (parts == nullptr) continue;
    for (const auto& part : *parts) {
      const auto* pair = part.as<plist::Array>();
      if (pair == nullptr || pair->size() != 2) continue;
      const auto* attribute = (*pair)[0].as<std::string>();
      const auto* value = (*pair)[1].as<std::string>();
      if (attribute != nullptr && value != nullptr) subject.emplace_back(*attribute, *value);
    }
  }
  return subject;
}

Result<> read_trust(const plist::Dict& payload, EnrollmentProfile& profile) {
  const auto* content = payload.data("PayloadContent");
  if (content == nullptr) return bad_profile("has a certificate payload without PayloadContent");
  auto certificates = crypto::Certificate::parse_all(content->bytes);
  if (!certificates) return bad_profile("has a certificate payload that holds none");
  for (const auto& certificate : *certificates) profile.trust += certificate.pem();
  return {};
}

void read_scep(const plist::Dict& payload, EnrollmentProfile& profile) {
  const auto* scep = payload.dict("PayloadContent");
  if (scep == nullptr) return;
  profile.scep_url = text_of(*scep, "URL");
  profile.scep_challenge = text_of(*scep, "Challenge");
  profile.subject = subject_of(*scep);
}

void read_mdm(const plist::Dict& payload, EnrollmentProfile& profile) {
  profile.server_url = text_of(payload, "ServerURL");
  profile.check_in_url = text_of(payload, "CheckInURL");
  if (profile.check_in_url.empty()) profile.check_in_url = profile.server_url;
  profile.topic = text_of(payload, "Topic");
  profile.sign_message = payload.boolean("SignMessage").value_or(false);
}

Result<> read_payloads(const plist::Array& payloads, EnrollmentProfile& profile) {
  std::string identity;  // IdentityCertificateUUID
  std::string scep;      // PayloadUUID of the SCEP payload
  for (const auto& entry : payloads) {
    const auto* payload = entry.as<plist::Dict>();
    if (payload == nullptr) return bad_profile("has a payload that is no dictionary");
    const auto type = text_of(*payload, "PayloadType");
    if (type == "com.apple.mdm") {
      read_mdm(*payload, profile);
      identity = text_of(*payload, "IdentityCertificateUUID");
    } else if (type == "com.apple.security.scep") {
      read_scep(*payload, profile);
      scep = text_of(*payload, "PayloadUUID");
    } else if (type == "com.apple.security.root" || type == "com.apple.security.pkcs1" ||
               type == "com.apple.security.pem") {
      if (auto read = read_trust(*payload, profile); !read) return read;
    }
  }
  if (profile.server_url.empty()) return bad_profile("has no com.apple.mdm payload with a ServerURL");
  if (profile.topic.empty()) return bad_profile("has no Topic");
  if (profile.scep_url.empty() || identity.empty() || identity != scep) {
    return bad_profile("has an IdentityCertificateUUID that is not its SCEP payload's");
  }
  return {};
}

/// What iOS and macOS put in for the variables of a Subject.
void substitute(std::string& text, const Identity& identity) {
  const std::pair<std::string_view, const std::string*> variables[] = {
      {"%HardwareUUID%", &identity.udid},
      {"%SerialNumber%", &identity.serial},
      {"%ComputerName%", &identity.device_name},
  };
  for (const auto& [variable, value] : variables) {
    for (auto at = text.find(variable); at != std::string::npos; at = text.find(variable, at)) {
      text.replace(at, variable.size(), *value);
      at += value->size();
    }
  }
}

Task<Result<std::string>> ask(http::Client& client, http::Request request) {
  const auto what = request.method + " " + std::string(request.path());
  auto response = co_await client.send(std::move(request));
  if (!response) co_return std::unexpected(response.error());
  if (response->status == 200) co_return std::move(response->body);
  co_return fail(
      response->status >= 500 ? Failure::unavailable : Failure::forbidden, "enrollment.refused",
      what + " was answered " + std::to_string(response->status) + ": " + response->body.substr(0, 200));
}

http::Request operation(const std::string& target, std::string_view name) {
  http::Request request;
  request.target =
      target + (target.find('?') == std::string::npos ? "?" : "&") + "operation=" + std::string(name);
  return request;
}

Task<Result<crypto::Certificate>> fetch_certificate(boost::asio::any_io_executor executor,
                                                    EnrollmentProfile profile, http::ClientTls tls,
                                                    crypto::PrivateKey key) {
  const auto url = split_url(profile.scep_url);
  if (!url) co_return bad_profile("has a SCEP URL that is none");
  http::Client client(std::move(executor), url->base, http::ClientOptions{.tls = std::move(tls)});
  const auto ca_body = co_await ask(client, operation(url->target, "GetCACert"));
  if (!ca_body) co_return std::unexpected(ca_body.error());
  const auto authority = parse_ca_answer(*ca_body);
  if (!authority) co_return std::unexpected(authority.error());
  const auto caps = co_await ask(client, operation(url->target, "GetCACaps"));
  if (!caps) co_return std::unexpected(caps.error());
  const auto transaction =
      to_hex(crypto::bytes_of(crypto::sha256(key.public_key() + profile.scep_challenge)));
  ScepOrder order{
      .subject = profile.subject, .challenge = profile.scep_challenge, .transaction_id = transaction};
  const auto request = ScepRequest::make(order, key, *authority, ScepCapabilities::parse(*caps));
  if (!request) co_return std::unexpected(request.error());
  auto post = operation(url->target, "PKIOperation");
  post.method = "POST";
  post.headers.set("Content-Type", "application/x-pki-message");
  post.body = request->message();
  const auto answer = co_await ask(client, std::move(post));
  if (!answer) co_return std::unexpected(answer.error());
  co_return request->finish(*answer);
}

}  // namespace

std::optional<SplitUrl> split_url(std::string_view url) {
  const bool secure = url.starts_with("https://");
  if (!secure && !url.starts_with("http://")) return std::nullopt;
  const auto host = url.find("//") + 2;
  const auto end = std::min(url.find_first_of("/?", host), url.size());
  if (end == host) return std::nullopt;
  std::string target(url.substr(end));
  if (!target.starts_with('/')) target.insert(0, "/");
  return SplitUrl{std::string(url.substr(0, end)), std::move(target)};
}

Result<EnrollmentProfile> read_enrollment_profile(std::string_view bytes) {
  std::string content(bytes);
  if (crypto::looks_like_cms(bytes)) {
    auto unwrapped = crypto::cms_content(bytes);
    if (!unwrapped) return std::unexpected(unwrapped.error());
    content = std::move(*unwrapped);
  }
  const auto document = plist::parse_dict(content);
  if (!document) return std::unexpected(document.error());
  const auto* payloads = document->array("PayloadContent");
  if (payloads == nullptr) return bad_profile("has no PayloadContent");
  EnrollmentProfile profile;
  profile.identifier = text_of(*document, "PayloadIdentifier");
  if (auto read = read_payloads(*payloads, profile); !read) return std::unexpected(read.error());
  return profile;
}

http::ClientTls Enrollment::tls() const {
  return {.trust = profile.trust,
          .identity = {.certificate_chain = certificate.pem(), .private_key = key.pem()}};
}

void Enrollment::sign(http::Request& request) const {
  if (!profile.sign_message) return;
  const auto signature = crypto::sign_detached(request.body, {.certificate = certificate, .key = key});
  if (signature) request.headers.set("Mdm-Signature", to_base64(*signature));
}

Task<Result<Enrollment>> take_up(boost::asio::any_io_executor executor, EnrollmentProfile profile,
                                 crypto::PrivateKey key, Identity identity) {
  for (auto& [name, value] : profile.subject) substitute(value, identity);
  auto certificate = co_await fetch_certificate(std::move(executor), profile, {.trust = profile.trust}, key);
  if (!certificate) co_return std::unexpected(certificate.error());
  co_return Enrollment{std::move(profile), std::move(key), std::move(*certificate)};
}

Task<Result<Enrollment>> fetch_enrollment(boost::asio::any_io_executor executor, EnrollmentWay way,
                                          crypto::PrivateKey key, Identity identity) {
  const auto url = split_url(way.url);
  if (!url) co_return fail(Failure::invalid, "enrollment.url", way.url + " is no http or https URL");
  const http::ClientTls before{.trust = way.trust};
  http::Client client(executor, url->base, http::ClientOptions{.tls = before});
  http::Request get;
  get.target = url->target;
  if (!way.authorization.empty()) {
    get.headers.set("Authorization", "Basic " + to_base64(way.authorization));
  }
  const auto body = co_await ask(client, std::move(get));
  if (!body) co_return std::unexpected(body.error());
  auto profile = read_enrollment_profile(*body);
  if (!profile) co_return std::unexpected(profile.error());
  profile->trust += way.trust;
  co_return co_await take_up(std::move(executor), std::move(*profile), std::move(key), std::move(identity));
}

}  // namespace mooring::simulator
