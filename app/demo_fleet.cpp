// SPDX-License-Identifier: Apache-2.0
#include "app/demo_fleet.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_future.hpp>
#include <csignal>
#include <future>
#include <set>
#include <thread>

#include "base/http/client.hpp"
#include "base/random.hpp"
#include "simulator/identity.hpp"
#include "simulator/push_gateway.hpp"
#include "simulator/scep_client.hpp"

namespace mooring::app {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kShortestPoll{4000};
constexpr milliseconds kLongestPoll{60000};
constexpr seconds kStopPatience{10};
constexpr seconds kAuthorityPatience{10};

/// The push service is open before there are devices: their server's URL is known only later.
class Receiver final : public simulator::PushReceiver {
 public:
  Task<simulator::PushOutcome> push(std::string token, std::string magic) override {
    if (fleet == nullptr) co_return simulator::PushOutcome::unknown;
    co_return co_await fleet->push(std::move(token), std::move(magic));
  }
  simulator::Fleet* fleet = nullptr;  ///< Set on the fleet's thread.
};

simulator::Behaviour moods() {
  return {.not_now_probability = 0.04,
          .not_now_duration = milliseconds(1500),  // less than the server waits before it pushes again
          .offline_probability = 0.02,
          .offline_duration = seconds(3),
          .lost_answer_probability = 0.02,
          .duplicate_report_probability = 0.03};
}

Holdings holdings_of(const simulator::Device& device) {
  Holdings holdings;
  for (const auto& profile : device.profiles()) holdings[profile.identifier] = profile.uuid;
  return holdings;
}

/// The server's authority, taken on trust over loopback: a person who installs the profile by hand does the
/// same.
Result<std::string> fetch_authority(const std::string& device_url) {
  const http::ClientOptions unverified{.timeout = kAuthorityPatience, .tls = {.verify = false}};
  const auto answer = http::fetch(device_url, {.target = "/scep?operation=GetCACert"}, unverified);
  if (!answer) return std::unexpected(answer.error());
  if (answer->status != 200) {
    return fail(Failure::unavailable, "demo.authority",
                "the server did not tell its certificate authority: " + answer->body);
  }
  const auto certificates = simulator::parse_ca_answer(answer->body);
  if (!certificates) return std::unexpected(certificates.error());
  std::string pem;
  for (const auto& certificate : *certificates) pem += certificate.pem();
  return pem;
}

}  // namespace

struct DemoFleet::Impl {
  explicit Impl(std::uint64_t chosen_seed) : seed(chosen_seed), random(chosen_seed) {}

  /// One (device, PayloadIdentifier, PayloadUUID) that a user removed.
  using Removal = std::tuple<std::size_t, std::string, std::string>;

  std::uint64_t seed;
  Random random;
  SystemClock clock;
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
  asio::signal_set signals{io};
  Receiver receiver;
  std::unique_ptr<simulator::PushGateway> gateway;
  std::unique_ptr<simulator::Fleet> fleet;
  std::map<Removal, std::uint64_t> removals;
  std::function<void(bool)> act;
  std::thread thread;

  void await_signal() {
    signals.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      act(signal == SIGUSR1);
      await_signal();
    });
  }

  void add_to(InstallAccount& account, std::size_t index, const simulator::Device& device) const;
};

DemoFleet::DemoFleet(std::size_t devices, std::uint64_t seed)
    : size_(devices), impl_(std::make_unique<Impl>(seed)) {}

DemoFleet::~DemoFleet() { stop(); }

Result<DemoPushService> DemoFleet::open_push_service() {
  auto& impl = *impl_;
  impl.gateway = std::make_unique<simulator::PushGateway>(
      impl.io.get_executor(), simulator::PushGatewayOptions{}, impl.receiver, impl.clock);
  if (auto started = impl.gateway->start(); !started) return std::unexpected(started.error());
  impl.thread = std::thread([&impl] { impl.io.run(); });
  return DemoPushService{.url = impl.gateway->url(),
                         .trust = impl.gateway->trust(),
                         .certificate = impl.gateway->issue_certificate(simulator::FleetOptions{}.topic)};
}

Result<> DemoFleet::start(const std::string& device_url) {
  auto& impl = *impl_;
  auto trust = fetch_authority(device_url);
  if (!trust) return std::unexpected(trust.error());
  const milliseconds poll{static_cast<std::int64_t>(size_) * 50};
  impl.fleet = std::make_unique<simulator::Fleet>(
      impl.io.get_executor(),
      simulator::FleetOptions{.devices = size_,
                              .seed = impl.seed,
                              .enrollment_way = simulator::EnrollmentWay{.url = device_url + "/enroll",
                                                                         .trust = std::move(*trust)},
                              .behaviour = moods(),
                              .start_spread = std::max<milliseconds>(seconds(2), poll / 5),
                              .poll_interval = std::clamp(poll, kShortestPoll, kLongestPoll)},
      impl.clock);
  asio::post(impl.io, [&impl] { impl.receiver.fleet = impl.fleet.get(); });
  impl.fleet->start();
  return {};
}

void DemoFleet::stop() {
  auto& impl = *impl_;
  if (!impl.thread.joinable()) return;
  if (impl.fleet) {
    asio::co_spawn(impl.io, impl.fleet->stop(), asio::use_future).wait_for(kStopPatience);
  }
  impl.io.stop();
  impl.thread.join();
}

std::string DemoFleet::serial_number(std::size_t index) const {
  return simulator::make_identity(impl_->seed, index).serial;
}

simulator::FleetSnapshot DemoFleet::snapshot() const {
  return impl_->fleet ? impl_->fleet->snapshot() : simulator::FleetSnapshot{};
}

void DemoFleet::on_signal(std::function<void(bool)> act) {
  impl_->act = std::move(act);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
    struct sigaction now{};
    // nohup asks that SIGHUP be ignored.
    if (signal == SIGHUP && ::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN) continue;
    impl_->signals.add(signal);
  }
  impl_->await_signal();
}

std::vector<std::size_t> DemoFleet::differing(const std::function<const Holdings&(std::size_t)>& expected,
                                              std::size_t limit) const {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < size_ && found.size() < limit; ++i) {
    bool holds = false;
    impl_->fleet->with_device(
        i, [&](simulator::Device& d) { holds = d.enrolled() && holdings_of(d) == expected(i); });
    if (!holds) found.push_back(i);
  }
  return found;
}

std::size_t DemoFleet::users_remove_profile(const std::vector<std::size_t>& indices) {
  std::size_t removed = 0;
  for (const auto index : indices) {
    impl_->fleet->with_device(index, [&](simulator::Device& device) {
      std::vector<std::pair<std::string, std::string>> removable;
      for (const auto& profile : device.profiles()) {
        if (!profile.removal_disallowed) removable.emplace_back(profile.identifier, profile.uuid);
      }
      if (removable.empty()) return;
      const auto& [identifier, uuid] = removable[impl_->random.below(removable.size())];
      if (!device.user_removes_profile(identifier)) return;
      ++impl_->removals[{index, identifier, uuid}];
      ++removed;
    });
  }
  return removed;
}

void DemoFleet::Impl::add_to(InstallAccount& account, std::size_t index,
                             const simulator::Device& device) const {
  for (const auto& [identifier, records] : device.install_log()) {
    std::map<std::string, std::set<std::string>> commands;  // by PayloadUUID
    for (const auto& record : records) {
      if (!commands[record.payload_uuid].insert(record.command_uuid).second) ++account.repeated;
    }
    for (const auto& [uuid, distinct] : commands) {
      const auto removed = removals.find({index, identifier, uuid});
      const std::uint64_t reasons = 1 + (removed == removals.end() ? 0 : removed->second);
      account.reasons += reasons;
      account.commands += distinct.size();
      account.doubled += distinct.size() > reasons ? distinct.size() - reasons : 0;
    }
  }
}

InstallAccount DemoFleet::account() const {
  InstallAccount account;
  for (std::size_t i = 0; i < size_; ++i) {
    impl_->fleet->with_device(i, [&](simulator::Device& device) { impl_->add_to(account, i, device); });
  }
  return account;
}

}  // namespace mooring::app
