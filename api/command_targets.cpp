// SPDX-License-Identifier: Apache-2.0
#include "api/detail/command_targets.hpp"

#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

#include "director/command_targets.hpp"
#include "director/devices.hpp"
#include "schema/schema.hpp"

namespace mooring::api::detail {
namespace {

struct Judgement {
  std::string unsupported;  ///< Empty: it has the command.
  Json warnings = Json::array();
};

/// Asks the schema once for each kind of device, not once for each device.
class Judge {
 public:
  Judge(pg::Connection& connection, const CommandOrder& order, std::span<const std::int64_t> enrollments)
      : order_(order) {
    if (order.relayed) return;
    for (auto& [enrollment, target] : director::command_targets(connection, enrollments)) {
      targets_[enrollment] = std::move(target);
    }
  }

  const Judgement& of(std::int64_t enrollment) {
    const auto& target = targets_[enrollment];
    const auto [found, is_new] =
        judgements_.try_emplace({target.platform, target.os_version, target.user_channel,
                                 target.user_enrollment, target.unsupervised});
    if (is_new && !order_.relayed) found->second = judge(target);
    return found->second;
  }

 private:
  Judgement judge(const schema::Target& target) const {
    Judgement judgement;
    for (const auto& problem : schema::Schema::apple().check_request(order_.command, target)) {
      const bool whole = problem.path == "RequestType";
      if (whole && !order_.allow_unsupported) judgement.unsupported = problem.what;
      judgement.warnings.push_back(whole ? problem.what : problem.path + " " + problem.what);
    }
    return judgement;
  }

  const CommandOrder& order_;
  std::unordered_map<std::int64_t, schema::Target> targets_;
  std::map<std::tuple<schema::Platform, std::string, bool, bool, bool>, Judgement> judgements_;
};

void report_targets(CommandTargets& targets, Judge& judge, std::string_view kind,
                    const std::vector<director::ResolvedTarget>& resolved) {
  for (const auto& target : resolved) {
    Json entry{{kind, target.named}};
    if (target.enrollments.size() != 1) {
      entry["status"] = target.enrollments.empty() ? "unknown" : "ambiguous";
      targets.report.push_back(std::move(entry));
      continue;
    }
    const auto& judgement = judge.of(target.enrollments.front());
    if (judgement.unsupported.empty()) {
      entry["status"] = "queued";
      targets.enrollments.push_back(target.enrollments.front());
    } else {
      entry["status"] = "unsupported";
      targets.unsupported = judgement.unsupported;
    }
    if (!judgement.warnings.empty()) entry["warnings"] = judgement.warnings;
    targets.report.push_back(std::move(entry));
  }
}

}  // namespace

CommandTargets resolve_targets(pg::Connection& connection, const CommandOrder& order) {
  std::vector<director::ResolvedTarget> enrollments, devices;
  if (!order.enrollments.empty()) enrollments = director::resolve_enrollments(connection, order.enrollments);
  if (!order.devices.empty()) devices = director::resolve_devices(connection, order.devices);
  std::vector<std::int64_t> known;
  for (const auto* resolved : {&enrollments, &devices}) {
    for (const auto& target : *resolved) {
      if (target.enrollments.size() == 1) known.push_back(target.enrollments.front());
    }
  }
  Judge judge(connection, order, known);
  CommandTargets targets;
  report_targets(targets, judge, "enrollment", enrollments);
  report_targets(targets, judge, "device", devices);
  const std::set<std::int64_t> each_once(targets.enrollments.begin(), targets.enrollments.end());
  targets.enrollments.assign(each_once.begin(), each_once.end());
  return targets;
}

}  // namespace mooring::api::detail
