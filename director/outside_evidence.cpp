// SPDX-License-Identifier: Apache-2.0
#include "director/outside_evidence.hpp"

namespace mooring::director {
namespace {

constexpr pg::Statement kEvidencePut{"evidence_put", R"(
insert into outside_evidence as e (device_id, source, at, content) values ($1, $2, $3, $4)
on conflict (device_id, source) do update set at = excluded.at, content = excluded.content)"};
constexpr pg::Statement kEvidenceOf{"evidence_of", R"(
select source, at, content::text from outside_evidence where device_id = $1 order by source)"};
constexpr pg::Statement kEvidenceQuestion{"evidence_question", R"(
insert into outside_questions as q (device_id, asked_at) values ($1, $2)
on conflict (device_id) do update set asked_at = excluded.asked_at where q.asked_at <= $3)"};

constexpr auto kBetweenQuestions = std::chrono::minutes(10);

}  // namespace

void put_outside_evidence(pg::Connection& connection, std::int64_t device, std::string_view source,
                          std::string_view content, Time now) {
  connection.exec(kEvidencePut, device, source, now, pg::Json{content});
}

std::vector<OutsideEvidence> outside_evidence_of(pg::Connection& connection, std::int64_t device) {
  std::vector<OutsideEvidence> evidence;
  for (const auto row : connection.exec(kEvidenceOf, device))
    evidence.push_back({.source = row.text(0), .at = row.get<Time>(1), .content = row.text(2)});
  return evidence;
}

bool take_question(pg::Connection& connection, std::int64_t device, Time now) {
  return connection.exec(kEvidenceQuestion, device, now, now - kBetweenQuestions).affected() == 1;
}

}  // namespace mooring::director
