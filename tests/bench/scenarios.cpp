// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/scenarios.hpp"

#include <utility>

#include "base/plist/plist.hpp"
#include "tests/bench/workspace.hpp"

namespace mooring::bench {
namespace {

constexpr std::uint64_t kSeed = 11;

std::string checkin_request(const plist::Dict& message) {
  return put_request("/mdm", "application/x-apple-aspen-mdm-checkin", plist::to_xml(message));
}

template <class Talk>
Talk& talk_of(std::vector<Talk>& talks, std::size_t slot) {
  if (talks.size() <= slot) talks.resize(slot + 1);
  return talks[slot];
}

}  // namespace

std::string report_request(const plist::Dict& report) {
  return put_request("/mdm", "application/x-apple-aspen-mdm; charset=UTF-8", plist::to_xml(report));
}

BenchDevice::BenchDevice(std::uint64_t index)
    : device(std::make_unique<simulator::Device>(simulator::make_identity(kSeed, index),
                                                 simulator::DeviceOptions{.seed = index + 1})),
      authenticate(checkin_request(device->authenticate())),
      token_update(checkin_request(device->token_update())),
      idle(report_request(device->idle_report())) {}

std::optional<std::string_view> RepeatScenario::begin(std::size_t) {
  if (left_ == 0) return std::nullopt;
  --left_;
  return request_;
}
std::optional<std::string_view> RepeatScenario::next(std::size_t, const Reply&) { return std::nullopt; }

std::optional<std::string_view> EnrollScenario::begin(std::size_t slot) {
  if (at_ == to_) return std::nullopt;
  talk_of(talks_, slot) = {.device = &fleet_[at_++], .authenticated = false};
  return talks_[slot].device->authenticate;
}
std::optional<std::string_view> EnrollScenario::next(std::size_t slot, const Reply&) {
  if (std::exchange(talks_[slot].authenticated, true)) return std::nullopt;
  return talks_[slot].device->token_update;
}

std::optional<std::string_view> DrainScenario::begin(std::size_t slot) {
  if (at_ == fleet_.size()) return std::nullopt;
  auto& device = fleet_[at_++];
  talk_of(talks_, slot).device = device.device.get();
  return device.idle;
}
std::optional<std::string_view> DrainScenario::next(std::size_t slot, const Reply& reply) {
  if (reply.body.empty()) return std::nullopt;
  ++commands_;
  auto& talk = talks_[slot];
  const auto report = talk.device->respond(must(plist::parse_dict(reply.body)), Time{});
  if (!report) return std::nullopt;
  talk.request = report_request(*report);
  return talk.request;
}

std::optional<std::string_view> IdleScenario::begin(std::size_t) {
  if (left_ == 0) return std::nullopt;
  --left_;
  return fleet_[at_++ % fleet_.size()].idle;
}
std::optional<std::string_view> IdleScenario::next(std::size_t, const Reply& reply) {
  surprises_ += reply.body.empty() ? 0 : 1;
  return std::nullopt;
}

CommandScenario::CommandScenario(Fleet& fleet, std::string command_uuid)
    : fleet_(fleet), command_uuid_(std::move(command_uuid)) {
  for (auto& device : fleet_) {
    device.acknowledge = report_request(plist::Dict{{"UDID", device.device->identity().udid},
                                                    {"Status", "Acknowledged"},
                                                    {"CommandUUID", command_uuid_}});
  }
}
std::optional<std::string_view> CommandScenario::begin(std::size_t slot) {
  if (at_ == fleet_.size()) return std::nullopt;
  talk_of(talks_, slot) = {.device = &fleet_[at_++], .acknowledged = false};
  return talks_[slot].device->idle;
}
std::optional<std::string_view> CommandScenario::next(std::size_t slot, const Reply& reply) {
  auto& talk = talks_[slot];
  if (talk.acknowledged) {
    surprises_ += reply.body.empty() ? 0 : 1;
    return std::nullopt;
  }
  if (reply.body.find(command_uuid_) == std::string_view::npos) ++surprises_;
  talk.acknowledged = true;
  return talk.device->acknowledge;
}

}  // namespace mooring::bench
