// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/enroll_fixture.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include "base/encoding.hpp"

namespace mooring::test {
namespace {

Time present() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

constexpr pg::Statement kIssueForChallenge{"test_issue_for_challenge", R"(
insert into certificates (serial, hash, key_hash, transaction_id, der, subject, not_before, not_after, issued_at,
  challenge_id, udid, serial_number, user_name, enrollment_profile)
select $2, $3, $3, 'test', $4, 'CN=test', $5, $6, $5, id, udid, serial_number, user_name, enrollment_profile
from scep_challenges where hash = $1)"};

}  // namespace

EnrollFixture::EnrollFixture(core::enroll::CredentialOptions credentials, std::vector<std::string> ota_roots)
    : clock(present()), pool_({.connect = db.connect_options(), .connections = 2}, db.log, db.metrics) {
  auto opened = core::CertificateAuthority::open(db.connection(), {}, secrets, clock.now());
  EXPECT_TRUE(opened) << opened.error().message;
  authority.emplace(std::move(*opened));
  const auto around = [this](pg::Connection&) -> Result<core::enroll::Surroundings> {
    return core::enroll::Surroundings{
        .device_url = device_url, .topic = topic, .trust = {authority->certificate()}};
  };
  profiles = std::make_unique<core::enroll::Profiles>(secrets, around, std::chrono::hours(1));
  if (credentials.nonce_key.empty()) credentials.nonce_key = "test";
  credentials_ = std::make_unique<core::enroll::Credentials>(std::move(credentials), pool_, clock, db.log);
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::ec_p256);
  const auto certificate = authority->issue({.subject = {{"CN", "Profile signing"}},
                                             .public_key = key.public_key(),
                                             .not_before = clock.now() - std::chrono::hours(1),
                                             .not_after = clock.now() + std::chrono::hours(24)});
  auto signer = std::make_shared<const crypto::Signer>(
      crypto::Signer{.certificate = *certificate, .key = key, .chain = {authority->certificate()}});
  endpoint_ = std::make_unique<core::enroll::EnrollEndpoint>(
      core::enroll::EndpointDependencies{.pool = pool_,
                                         .crypto = crypto_,
                                         .profiles = *profiles,
                                         .credentials = *credentials_,
                                         .clock = clock,
                                         .log = db.log,
                                         .metrics = db.metrics,
                                         .device_url = [this] { return device_url; },
                                         .signer = [signer] { return signer; },
                                         .ota_roots = std::move(ota_roots)});
  server_ = std::make_unique<http::Server>(io_.get_executor(), http::ServerOptions{.name = "device"},
                                           endpoint_->routes(), db.log, db.metrics);
  EXPECT_TRUE(server_->start());
  thread_ = std::thread([this] { io_.run(); });
}

EnrollFixture::~EnrollFixture() {
  boost::asio::co_spawn(io_, server_->drain(std::chrono::seconds(2)), boost::asio::use_future).wait();
  work_.reset();
  thread_.join();
}

void EnrollFixture::put(const std::string& name, const std::string& json) {
  const auto done = profiles->put(db.connection(), name, json, true, clock.now());
  ASSERT_TRUE(done) << done.error().message;
}

http::Response EnrollFixture::get(const std::string& target, const std::string& authorization) {
  http::Request request;
  request.target = target;
  if (!authorization.empty()) request.headers.set("Authorization", authorization);
  auto answer = http::fetch(server_->url(), std::move(request));
  EXPECT_TRUE(answer) << answer.error().message;
  return answer ? std::move(*answer) : http::Response{.status = 0};
}

http::Response EnrollFixture::post(const std::string& target, const std::string& body,
                                   const std::string& authorization) {
  http::Request request;
  request.method = "POST";
  request.target = target;
  request.body = body;
  if (!authorization.empty()) request.headers.set("Authorization", authorization);
  auto answer = http::fetch(server_->url(), std::move(request));
  EXPECT_TRUE(answer) << answer.error().message;
  return answer ? std::move(*answer) : http::Response{.status = 0};
}

Ran EnrollFixture::curl(std::vector<std::string> arguments, const std::string& target) {
  arguments.insert(arguments.begin(), {"curl", "-sS", "--max-time", "20", "-w", "\n%{http_code}"});
  arguments.push_back(server_->url() + target);
  return run_program(arguments);
}

plist::Dict EnrollFixture::read(const std::string& body) {
  auto content = crypto::looks_like_cms(body) ? crypto::cms_content(body) : Result<std::string>(body);
  EXPECT_TRUE(content) << content.error().message;
  auto dict = plist::parse_dict(content ? *content : "");
  EXPECT_TRUE(dict) << dict.error().message << body;
  return dict ? std::move(*dict) : plist::Dict{};
}

plist::Dict EnrollFixture::payload(const plist::Dict& profile, std::string_view type) {
  const auto* payloads = profile.array("PayloadContent");
  for (std::size_t i = 0; payloads != nullptr && i < payloads->size(); ++i) {
    const auto& dict = *(*payloads)[i].as<plist::Dict>();
    if (*dict.string("PayloadType") == type) return dict;
  }
  ADD_FAILURE() << "no payload " << type;
  return {};
}

std::string EnrollFixture::challenge_of(const std::string& body) {
  const auto scep = payload(read(body), "com.apple.security.scep");
  const auto* content = scep.dict("PayloadContent");
  const auto* challenge = content == nullptr ? nullptr : content->string("Challenge");
  return challenge == nullptr ? std::string() : *challenge;
}

std::string EnrollFixture::challenge_column(const std::string& challenge, const std::string& column) {
  const auto rows = db.connection().script("select coalesce((" + column +
                                           ")::text, '-') from scep_challenges where hash = '\\x" +
                                           to_hex(crypto::bytes_of(crypto::sha256(challenge))) + "'");
  return rows.empty() ? "none" : rows[0].text(0);
}

double EnrollFixture::served(const std::string& way, const std::string& result) {
  return db.metrics
      .counter("mooring_enrollment_profiles_served_total",
               "Enrollment profiles asked for, by way and result.", {{"way", way}, {"result", result}})
      .Value();
}

crypto::Signer EnrollFixture::issue_for(const std::string& challenge) {
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::ec_p256);
  const auto certificate = authority->issue({.subject = {{"CN", "device"}},
                                             .public_key = key.public_key(),
                                             .not_before = clock.now() - std::chrono::hours(1),
                                             .not_after = clock.now() + std::chrono::hours(24),
                                             .purpose = crypto::Purpose::client_auth});
  EXPECT_TRUE(certificate);
  const auto hash = crypto::sha256(challenge);
  const auto own = crypto::sha256(certificate->der);
  const auto stored =
      db.connection().exec(kIssueForChallenge, pg::Bytes{crypto::bytes_of(hash)},
                           pg::Bytes{certificate->serial}, pg::Bytes{crypto::bytes_of(own)},
                           pg::Bytes{certificate->der}, certificate->not_before, certificate->not_after);
  EXPECT_EQ(stored.affected(), 1);
  return {.certificate = *certificate, .key = key};
}

}  // namespace mooring::test
