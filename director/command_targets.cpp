// SPDX-License-Identifier: Apache-2.0
#include "director/command_targets.hpp"

#include "core/message.hpp"
#include "core/platform.hpp"

namespace mooring::director {
namespace {

constexpr pg::Statement kCommandTargets{"director_command_targets", R"(
select e.id, e.kind, coalesce(d.product_name, ''), coalesce(d.model, ''), coalesce(d.model_name, ''),
       coalesce(d.os_version, ''), coalesce(d.facts->'IsSupervised' = 'false', false)
from enrollments e join devices d on d.id = e.device_id where e.id = any($1))"};

schema::Target read_target(const pg::Row& row) {
  using core::EnrollmentKind;
  const auto kind = static_cast<EnrollmentKind>(row.get<std::int16_t>(1));
  schema::Target target{.os_version = row.text(5), .unsupervised = row.get<bool>(6)};
  for (int column = 2; column <= 4 && target.platform == schema::Platform::unknown; ++column) {
    target.platform = core::platform_of(row.text(column));
  }
  target.user_channel = kind == EnrollmentKind::user || kind == EnrollmentKind::shared_ipad ||
                        kind == EnrollmentKind::user_enrollment;
  target.user_enrollment =
      kind == EnrollmentKind::user_enrollment || kind == EnrollmentKind::user_enrollment_device;
  return target;
}

}  // namespace

std::vector<CommandTarget> command_targets(pg::Connection& connection,
                                           std::span<const std::int64_t> enrollments) {
  std::vector<CommandTarget> targets;
  for (const auto row : connection.exec(kCommandTargets, enrollments)) {
    targets.push_back({row.int64(0), read_target(row)});
  }
  return targets;
}

}  // namespace mooring::director
