// SPDX-License-Identifier: Apache-2.0
// What PKIOperation does: decides, issues, stores, answers. Keys work on crypto threads, statements on
// database threads; in between the coroutine waits.
#include <algorithm>

#include "base/crypto/crypto.hpp"
#include "core/scep/endpoint.hpp"

namespace mooring::core {
namespace {

constexpr auto kBackdating = std::chrono::minutes(10);
constexpr std::size_t kSerialBytes = 16;

constexpr pg::Statement kScepFind{"scep_find", R"(
select der from certificates where serial = $1)"};
constexpr pg::Statement kScepPoll{"scep_poll", R"(
select der from certificates where transaction_id = $1 and key_hash = $2 and revoked_at is null
order by issued_at desc limit 1)"};

std::string scep_hash(std::string_view bytes) { return std::string(crypto::bytes_of(crypto::sha256(bytes))); }

/// 128 random bits, in as many bytes.
std::string random_serial() {
  std::string serial = crypto::random_bytes(kSerialBytes);
  while (serial.front() == '\0') serial = crypto::random_bytes(kSerialBytes);
  return serial;
}

scep::Question question_of(const scep::Message& message) {
  scep::Question question{.transaction_id = message.transaction_id,
                          .key_hash = scep_hash(message.ask->public_key),
                          .signer_hash = scep_hash(message.signer)};
  if (!message.ask->challenge.empty()) question.challenge_hash = scep_hash(message.ask->challenge);
  return question;
}

bool is_issued_by(const scep::Message& message, const crypto::Certificate& authority) {
  return message.wanted_issuer == scep::subject_name(authority.der);
}

}  // namespace

/// A certificate and the answer that gives it away, once it is stored.
struct ScepEndpoint::Ready {
  scep::NewRow row;
  std::string reply;
};

Task<Result<ScepEndpoint::Answer>> ScepEndpoint::refuse(Message message, scep::Refusal refusal) {
  log_.warning("scep request refused", {{"type", scep::name_of(message->type)},
                                        {"fail_info", scep::name_of(refusal.info)},
                                        {"reason", refusal.why},
                                        {"transaction_id", message->transaction_id}});
  std::function<Result<std::string>()> work = [this, message, info = refusal.info] {
    return scep::make_failure(*message, info, party(), authority_.certificate());
  };
  auto reply = co_await crypto_.run<std::string>(std::move(work));
  if (!reply) co_return std::unexpected(reply.error());
  co_return Answer{.result = std::string(scep::name_of(refusal.info)), .body = std::move(*reply)};
}

Task<Result<ScepEndpoint::Answer>> ScepEndpoint::succeed(Message message, scep::Issued issued) {
  std::function<Result<std::string>()> work = [this, message, issued = std::move(issued)] {
    return scep::make_success(*message, issued, party(), authority_.certificate());
  };
  auto reply = co_await crypto_.run<std::string>(std::move(work));
  if (!reply) co_return std::unexpected(reply.error());
  co_return Answer{.result = "success", .body = std::move(*reply)};
}

Task<Result<ScepEndpoint::Answer>> ScepEndpoint::answer(Message message) {
  if (message->refusal) co_return co_await refuse(message, *message->refusal);
  if (message->ask) co_return co_await enroll(message);
  co_return co_await find(message);
}

Task<Result<ScepEndpoint::Answer>> ScepEndpoint::enroll(Message message) {
  scep::EnrollmentPolicy policy{.renewal_grace = options_.renewal_grace};
  if (!options_.static_challenge.empty()) {
    // Of the hashes, so that not even the length shows.
    policy.static_challenge =
        crypto::equal_constant_time(scep_hash(options_.static_challenge), scep_hash(message->ask->challenge));
  }
  // A second look where another request with the same challenge came in between: it may have been this very
  // one.
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto found = co_await store_.look_up(question_of(*message));
    if (!found) co_return std::unexpected(found.error());
    const auto known = std::make_shared<const scep::Known>(std::move(*found));
    scep::Decision decision = scep::decide(*message, *known, policy, clock_.now());
    if (const auto* refusal = std::get_if<scep::Refusal>(&decision))
      co_return co_await refuse(message, *refusal);
    if (auto* repeat = std::get_if<scep::Repeat>(&decision)) {
      scep::Issued issued{.certificates = {std::move(repeat->der), authority_.certificate().der}};
      co_return co_await succeed(message, std::move(issued));
    }
    auto granted = co_await grant(message, known, std::move(std::get<scep::Grant>(decision)));
    if (!granted || !granted->body.empty()) co_return granted;
  }
  scep::Refusal lost{scep::FailInfo::bad_request, "its challenge was used by another request meanwhile"};
  co_return co_await refuse(message, std::move(lost));
}

Result<ScepEndpoint::Ready> ScepEndpoint::make(const scep::Message& message, const scep::Known& known,
                                               const scep::Grant& granted) const {
  const auto& ask = *message.ask;
  auto subject = scep::subject_of(ask, granted.binding);
  if (granted.renewal) {
    const auto old = crypto::Certificate::from_der(known.signer->der);
    if (!old) return std::unexpected(old.error());
    subject = scep::renewed_subject(ask, granted.binding, *old);
  }
  if (!subject) return fail(Failure::conflict, "scep.subject", subject.error().why);
  const Time now = clock_.now();
  auto certificate = authority_.issue(
      {.subject = std::move(*subject),
       .public_key = ask.public_key,
       .serial = random_serial(),
       .not_before = now - kBackdating,
       .not_after = std::min<Time>(now + options_.validity, authority_.certificate().not_after),
       .purpose = crypto::Purpose::client_auth,
       .key_encipherment = ask.key_encipherment});
  if (!certificate) return std::unexpected(certificate.error());
  auto reply = scep::make_success(message, {.certificates = {certificate->der, authority_.certificate().der}},
                                  party(), authority_.certificate());
  if (!reply) return std::unexpected(reply.error());
  scep::NewRow row{.hash = scep_hash(certificate->der),
                   .key_hash = scep_hash(ask.public_key),
                   .transaction_id = message.transaction_id,
                   .grant = granted};
  row.lane = granted.challenge ? scep_hash(ask.challenge) : row.key_hash;
  row.certificate = std::move(*certificate);
  return Ready{.row = std::move(row), .reply = std::move(*reply)};
}

/// An answer without body: the challenge was lost to another request.
Task<Result<ScepEndpoint::Answer>> ScepEndpoint::grant(Message message,
                                                       std::shared_ptr<const scep::Known> known,
                                                       scep::Grant granted) {
  std::function<Result<Ready>()> work = [this, message, known, granted = std::move(granted)] {
    return make(*message, *known, granted);
  };
  auto ready = co_await crypto_.run<Ready>(std::move(work));
  if (!ready) {
    const auto& code = ready.error().code;
    if (code != "scep.subject" && code != "certificate.issue") co_return std::unexpected(ready.error());
    scep::Refusal refusal{scep::FailInfo::bad_request, ready.error().message};
    co_return co_await refuse(message, std::move(refusal));
  }
  const std::string subject = ready->row.certificate.subject;
  const bool renewal = !ready->row.grant.renews.empty();
  auto stored = co_await store_.store(std::move(ready->row));
  if (!stored) co_return std::unexpected(stored.error());
  if (!stored->done) co_return Answer{};
  log_.info("certificate issued",
            {{"subject", subject}, {"renewal", renewal}, {"transaction_id", message->transaction_id}});
  co_return Answer{.result = "success", .body = std::move(ready->reply)};
}

Task<Result<ScepEndpoint::Answer>> ScepEndpoint::find(Message message) {
  const bool ours =
      message->type == scep::MessageType::cert_poll || is_issued_by(*message, authority_.certificate());
  pg::Pool::Body<scep::Issued> body = [this, message,
                                       now = clock_.now()](pg::Connection& c) -> Result<scep::Issued> {
    scep::Issued issued;
    if (message->type == scep::MessageType::get_crl) {
      auto list = authority_.crl(c, now);
      if (!list) return std::unexpected(list.error());
      issued.crl = std::move(*list);
      return issued;
    }
    const auto rows =
        message->type == scep::MessageType::get_cert
            ? c.exec(kScepFind, pg::Bytes{*message->wanted_serial})
            : c.exec(kScepPoll, message->transaction_id, pg::Bytes{scep_hash(message->signer_key)});
    if (!rows.empty()) issued.certificates.emplace_back(rows[0].get<pg::Bytes>(0).view);
    return issued;
  };
  scep::Refusal unknown{scep::FailInfo::bad_cert_id, "there is no such certificate"};
  if (!ours) co_return co_await refuse(message, std::move(unknown));
  auto found = co_await pool_.run<scep::Issued>(std::move(body));
  if (!found) co_return std::unexpected(found.error());
  if (found->certificates.empty() && found->crl.empty())
    co_return co_await refuse(message, std::move(unknown));
  co_return co_await succeed(message, std::move(*found));
}

}  // namespace mooring::core
