// SPDX-License-Identifier: Apache-2.0
#include "core/push_certificates.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/crypto/x509.hpp"

namespace mooring::core {
namespace {

constexpr std::string_view kTopicPrefix = "com.apple.mgmt.";
constexpr std::size_t kTopicLimit = 255;
constexpr auto kClockSkew = std::chrono::minutes(10);

#define MOORING_PUSH_CERTIFICATE_COLUMNS                                                               \
  "topic, revision, certificate, subject, not_before, not_after, uploaded_at, coalesce(failure, ''), " \
  "failed_at"
constexpr pg::Statement kPutPushCertificate{"push_certificate_put", R"(
with old as (select topic from push_certificates where topic = $1)
insert into push_certificates as c
  (topic, certificate, private_key, subject, not_before, not_after, uploaded_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (topic) do update set
  revision = nextval('push_certificate_revisions'), certificate = excluded.certificate,
  private_key = excluded.private_key, subject = excluded.subject, not_before = excluded.not_before,
  not_after = excluded.not_after, uploaded_at = excluded.uploaded_at, failure = null, failed_at = null
returning )" MOORING_PUSH_CERTIFICATE_COLUMNS ", exists (select from old)"};
// Reads all enrollments: only for uploads, which come once a year.
constexpr pg::Statement kForeignTopics{"push_certificate_foreign_topics", R"(
select e.topic, count(*), bool_or(c.topic is not null and c.not_after > $2)
from enrollments e left join push_certificates c on c.topic = e.topic
where e.enabled and e.topic is not null and e.topic <> $1 group by e.topic order by e.topic)"};
constexpr pg::Statement kListPushCertificates{"push_certificate_list",
                                              "select " MOORING_PUSH_CERTIFICATE_COLUMNS
                                              " from push_certificates order by topic"};
constexpr pg::Statement kFindPushCertificate{"push_certificate_find",
                                             "select " MOORING_PUSH_CERTIFICATE_COLUMNS
                                             " from push_certificates where topic = $1"};
constexpr pg::Statement kDeletePushCertificate{"push_certificate_delete",
                                               "delete from push_certificates where topic = $1"};
constexpr pg::Statement kPushCredential{"push_certificate_credential",
                                        "select revision, certificate, private_key, not_after, failure is "
                                        "not null from push_certificates where topic = $1"};
constexpr pg::Statement kNotePushFailure{"push_certificate_note_failure", R"(
update push_certificates set failure = nullif($3, ''), failed_at = case when $3 <> '' then $4::timestamptz end
where topic = $1 and revision = $2)"};

PushCertificate read_push_certificate(const pg::Row& row) {
  return {.topic = row.text(0),
          .revision = row.int64(1),
          .certificate = row.text(2),
          .subject = row.text(3),
          .not_before = row.get<Time>(4),
          .not_after = row.get<Time>(5),
          .uploaded_at = row.get<Time>(6),
          .failure = row.text(7),
          .failed_at = row.get<std::optional<Time>>(8)};
}

std::string seal_context(std::string_view topic) { return fmt::format("push-certificate:{}", topic); }

std::unexpected<Error> unfit(const char* what, std::string message) {
  return fail(Failure::invalid, std::string("push_certificate.") + what, std::move(message));
}

struct PemBlocks {
  std::string certificates;
  std::string key;
};

/// The blocks of a PEM text, each on lines of its own; nothing else of it is kept.
PemBlocks split_pem(std::string_view text) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  PemBlocks blocks;
  for (auto at = text.find(kBegin); at != std::string_view::npos; at = text.find(kBegin, at)) {
    const auto name_end = text.find("-----", at + kBegin.size());
    if (name_end == std::string_view::npos) break;
    const auto name = text.substr(at + kBegin.size(), name_end - at - kBegin.size());
    const std::string closing = fmt::format("-----END {}-----", name);
    const auto end = text.find(closing, name_end);
    if (end == std::string_view::npos) break;
    const auto block = text.substr(at, end + closing.size() - at);
    if (name == "CERTIFICATE") {
      blocks.certificates += fmt::format("{}\n", block);
    } else if (name.ends_with("PRIVATE KEY") && blocks.key.empty()) {
      blocks.key = fmt::format("{}\n", block);
    }
    at = end + closing.size();
  }
  return blocks;
}

Result<std::string> topic_of(const crypto::Certificate& certificate) {
  const auto topic = certificate.attribute("UID");
  if (!topic || !topic->starts_with(kTopicPrefix) || topic->size() > kTopicLimit ||
      !std::ranges::all_of(*topic, [](char c) { return c > ' ' && c < '\x7f'; })) {
    return unfit("topic",
                 fmt::format("this is not an MDM push certificate: the UID of its subject ({}) does not "
                             "begin with {}",
                             certificate.subject, kTopicPrefix));
  }
  return *topic;
}

Result<> check_dates(const crypto::Certificate& certificate, Time now) {
  if (certificate.not_after <= now) {
    return unfit("expired",
                 fmt::format("the certificate expired at {}: renew it under the same Apple account",
                             to_rfc3339(certificate.not_after)));
  }
  if (certificate.not_before > now + kClockSkew) {
    return unfit("not_yet_valid", fmt::format("the certificate is valid from {} only: is the clock right?",
                                              to_rfc3339(certificate.not_before)));
  }
  return {};
}

std::vector<std::string> foreign_topics(pg::Connection& connection, const std::string& topic, Time now) {
  std::vector<std::string> warnings;
  for (const auto row : connection.exec(kForeignTopics, topic, now)) {
    warnings.push_back(fmt::format(
        "{} enrolled channels belong to the topic {}, not to {}: {}", row.int64(1), row.text(0), topic,
        row.get<bool>(2)
            ? "they go on being pushed with the certificate of their own topic"
            : "they cannot be pushed. A certificate renewed under the same Apple account keeps its "
              "topic; with another one these devices have to enroll again"));
  }
  return warnings;
}

}  // namespace

Result<PushBundle> read_push_bundle(std::string_view pem, std::string_view key_password, Time now) {
  const auto blocks = split_pem(pem);
  const auto chain = crypto::Certificate::parse_all(blocks.certificates);
  if (blocks.certificates.empty() || !chain) {
    return unfit("malformed", "this holds no X.509 certificate in PEM form");
  }
  if (blocks.key.empty())
    return unfit("no_key", "this holds no private key in PEM form beside the certificate");
  const auto key = crypto::PrivateKey::parse(blocks.key, key_password);
  if (!key) return std::unexpected(key.error());
  const auto leaf = std::ranges::find_if(*chain, [&](const auto& each) { return each.matches(*key); });
  if (leaf == chain->end()) {
    return unfit("mismatch",
                 "the private key does not belong to the certificate: both have to come from one CSR");
  }
  auto topic = topic_of(*leaf);
  if (!topic) return std::unexpected(topic.error());
  if (auto dates = check_dates(*leaf, now); !dates) return std::unexpected(dates.error());
  PushBundle bundle{.topic = std::move(*topic),
                    .subject = leaf->subject,
                    .not_before = leaf->not_before,
                    .not_after = leaf->not_after,
                    .identity = {.certificate_chain = leaf->pem(), .private_key = key->pem()}};
  for (const auto& other : *chain) {
    if (!(other == *leaf)) bundle.identity.certificate_chain += other.pem();
  }
  return bundle;
}

StoredPushCertificate put_push_certificate(pg::Connection& connection, const crypto::SecretBox& secrets,
                                           const PushBundle& bundle, Time now) {
  const std::string sealed = secrets.seal(bundle.identity.private_key, seal_context(bundle.topic));
  const auto rows =
      connection.exec(kPutPushCertificate, bundle.topic, bundle.identity.certificate_chain, pg::Bytes{sealed},
                      bundle.subject, bundle.not_before, bundle.not_after, now);
  return {.certificate = read_push_certificate(rows[0]),
          .replaced = rows[0].get<bool>(9),
          .warnings = foreign_topics(connection, bundle.topic, now)};
}

std::vector<PushCertificate> list_push_certificates(pg::Connection& connection) {
  std::vector<PushCertificate> certificates;
  for (const auto row : connection.exec(kListPushCertificates))
    certificates.push_back(read_push_certificate(row));
  return certificates;
}

std::optional<PushCertificate> find_push_certificate(pg::Connection& connection, std::string_view topic) {
  const auto rows = connection.exec(kFindPushCertificate, topic);
  if (rows.empty()) return std::nullopt;
  return read_push_certificate(rows[0]);
}

bool delete_push_certificate(pg::Connection& connection, std::string_view topic) {
  return connection.exec(kDeletePushCertificate, topic).affected() == 1;
}

Result<PushCredential> load_push_credential(pg::Connection& connection, const crypto::SecretBox& secrets,
                                            std::string_view topic) {
  const auto rows = connection.exec(kPushCredential, topic);
  if (rows.empty()) {
    return fail(Failure::not_found, "push.no_certificate",
                fmt::format("there is no push certificate for the topic {}: upload one", topic));
  }
  auto key = secrets.open(rows[0].get<pg::Bytes>(2).view, seal_context(topic));
  if (!key) return std::unexpected(key.error());
  return PushCredential{.revision = rows[0].int64(0),
                        .identity = {.certificate_chain = rows[0].text(1), .private_key = std::move(*key)},
                        .not_after = rows[0].get<Time>(3),
                        .failed = rows[0].get<bool>(4)};
}

void note_push_failure(pg::Connection& connection, std::string_view topic, std::int64_t revision,
                       std::string_view failure, Time now) {
  connection.exec(kNotePushFailure, topic, revision, failure, now);
}

}  // namespace mooring::core
