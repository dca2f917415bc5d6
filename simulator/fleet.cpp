// SPDX-License-Identifier: Apache-2.0
#include "simulator/fleet.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <unordered_map>

namespace mooring::simulator {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

struct Member {
  Member(asio::any_io_executor executor, Device made, std::uint64_t seed)
      : device(std::move(made)), jitter(seed), timer(executor) {}

  Device device;
  Random jitter;
  asio::steady_timer timer;
  std::unique_ptr<HttpTransport> transport;
  std::optional<Enrollment> enrollment;  ///< Of devices that came by an enrollment profile.
  milliseconds backoff{0};
  bool pushed = false;
  bool turned_away = false;  ///< The server ended the enrollment.
  bool enrolled_before = false;
  std::string announced;  ///< The push token of the last TokenUpdate that the server took.
  bool counted = false;   ///< As enrolled, in the snapshot.
};

}  // namespace

struct Fleet::Impl : std::enable_shared_from_this<Fleet::Impl> {
  Impl(const asio::any_io_executor& executor, FleetOptions chosen, const Clock& time)
      : strand(asio::make_strand(executor)), options(std::move(chosen)), clock(time) {
    for (std::size_t i = 0; i < options.devices; ++i) add_member(i);
    counts.devices = options.devices;
  }

  void add_member(std::size_t index);
  /// Connects to the server that the device has enrolled with, or is to.
  void make_transport(Member& member);
  const crypto::PrivateKey& key_of(std::size_t index);
  SessionOptions session_options(std::size_t index) const;
  void run_all();
  static Task<void> live(std::shared_ptr<Impl> self, std::size_t index);
  static Task<void> sleep(std::shared_ptr<Impl> self, std::size_t index, milliseconds time);
  static Task<bool> visit(std::shared_ptr<Impl> self, std::size_t index);
  static Task<Result<>> register_push(std::shared_ptr<Impl> self, std::size_t index);
  static Task<Result<>> enroll(std::shared_ptr<Impl> self, std::size_t index);
  static Task<Result<>> install_enrollment_profile(std::shared_ptr<Impl> self, std::size_t index);
  static Task<void> finish(std::shared_ptr<Impl> self);
  milliseconds pause(Member& member, bool good) const;
  void failed_with(const Error& error);
  void count_session(const SessionOutcome& outcome);
  void count_enrolled(Member& member);
  void wake(std::size_t index);
  PushOutcome push(const std::string& token, const std::string& magic);

  asio::strand<asio::any_io_executor> strand;
  FleetOptions options;
  const Clock& clock;
  std::deque<Member> members;
  std::map<std::size_t, crypto::PrivateKey> keys;
  std::unordered_map<std::string, std::size_t> tokens;  ///< Every token that a device ever had.
  bool stopping = false;
  std::size_t living = 0;

  mutable std::mutex mutex;
  FleetSnapshot counts;
};

void Fleet::Impl::add_member(std::size_t index) {
  auto identity = make_identity(options.seed, index);
  DeviceOptions device{.seed = options.seed * 1000003U + index,
                       .topic = options.topic,
                       .awaiting_configuration = options.awaiting_configuration,
                       .behaviour = options.behaviour};
  auto& member = members.emplace_back(strand, Device(std::move(identity), device), device.seed + 1);
  make_transport(member);
}

void Fleet::Impl::make_transport(Member& member) {
  http::ClientOptions client{.timeout = options.request_timeout};
  std::string base = options.server_url;
  if (member.enrollment) {
    client.tls = member.enrollment->tls();
    base = split_url(member.enrollment->profile.server_url).value_or(SplitUrl{}).base;
  }
  const auto decorate = [this, &member](http::Request& request) {
    if (member.enrollment) member.enrollment->sign(request);
    if (options.decorate) options.decorate(member.device, request);
  };
  member.transport = std::make_unique<HttpTransport>(strand, std::move(base), decorate, std::move(client));
}

const crypto::PrivateKey& Fleet::Impl::key_of(std::size_t index) {
  const auto slot = index % std::max<std::size_t>(options.identity_keys, 1);
  auto found = keys.find(slot);
  if (found == keys.end()) {
    found = keys.emplace(slot, crypto::PrivateKey::generate(crypto::KeyType::rsa_2048)).first;
  }
  return found->second;
}

SessionOptions Fleet::Impl::session_options(std::size_t index) const {
  SessionOptions session{.path = options.path};
  if (const auto& enrollment = members[index].enrollment) {
    session.path = split_url(enrollment->profile.server_url).value_or(SplitUrl{}).target;
    session.check_in_path = split_url(enrollment->profile.check_in_url).value_or(SplitUrl{}).target;
  }
  if (options.observer) {
    session.observer = [this, index](Direction direction, const plist::Dict& dict) {
      options.observer(index, direction, dict);
    };
  }
  return session;
}

void Fleet::Impl::run_all() {
  for (std::size_t i = 0; i < members.size(); ++i) {
    ++living;
    asio::co_spawn(strand, live(shared_from_this(), i), asio::detached);
  }
}

Task<void> Fleet::Impl::live(std::shared_ptr<Impl> self, std::size_t index) {
  auto& member = self->members[index];
  if (self->options.start_spread.count() > 0) {
    const auto spread = static_cast<std::uint64_t>(self->options.start_spread.count());
    co_await sleep(self, index, milliseconds(member.jitter.below(spread)));
  }
  while (!self->stopping) {
    member.pushed = false;
    const bool good = co_await visit(self, index);
    self->count_enrolled(member);
    if (!self->stopping && !member.pushed) co_await sleep(self, index, self->pause(member, good));
  }
  member.transport->drop();
  --self->living;
}

Task<void> Fleet::Impl::sleep(std::shared_ptr<Impl> self, std::size_t index, milliseconds time) {
  auto& timer = self->members[index].timer;
  timer.expires_after(time);
  boost::system::error_code woken;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
}

milliseconds Fleet::Impl::pause(Member& member, bool good) const {
  const double spread = 1 + options.poll_jitter * (2 * member.jitter.unit() - 1);
  if (good) {
    member.backoff = milliseconds(0);
  } else {
    member.backoff = std::clamp(member.backoff * 2, options.retry_min, options.retry_max);
  }
  const auto base = good ? options.poll_interval : member.backoff;
  return std::chrono::duration_cast<milliseconds>(base * spread);
}

/// One wish to connect. false: the server could not be reached or answered with a failure.
Task<bool> Fleet::Impl::visit(std::shared_ptr<Impl> self, std::size_t index) {
  auto& member = self->members[index];
  if (member.turned_away || !member.device.connect(self->clock.now())) co_return true;
  if (!member.device.enrolled() && member.enrolled_before && !self->options.enrolls_again) co_return true;
  const auto ready = co_await register_push(self, index);
  if (!ready) {
    self->failed_with(ready.error());
    co_return false;
  }
  Session session(member.device, *member.transport, self->clock, self->session_options(index));
  const auto outcome = co_await session.run();
  if (outcome) {
    self->count_session(*outcome);
    co_return true;
  }
  member.turned_away = session.turned_away();
  self->failed_with(outcome.error());
  co_return false;
}

/// After this the server knows the device and its present push token.
Task<Result<>> Fleet::Impl::register_push(std::shared_ptr<Impl> self, std::size_t index) {
  auto& member = self->members[index];
  if (!member.device.enrolled()) co_return co_await enroll(self, index);
  if (member.announced == member.device.push_token()) co_return Result<>();
  self->tokens[member.device.push_token()] = index;
  Session session(member.device, *member.transport, self->clock, self->session_options(index));
  auto updated = co_await session.update_token();
  if (updated) member.announced = member.device.push_token();
  co_return updated;
}

Task<Result<>> Fleet::Impl::enroll(std::shared_ptr<Impl> self, std::size_t index) {
  auto& member = self->members[index];
  if (self->options.enrollment_way) {
    auto installed = co_await install_enrollment_profile(self, index);
    if (!installed) co_return installed;
  }
  // Known before the server is: it may push as soon as it has the token.
  self->tokens[member.device.push_token()] = index;
  Session session(member.device, *member.transport, self->clock, self->session_options(index));
  auto enrolled = co_await session.enroll();
  if (enrolled) {
    member.enrolled_before = true;
    member.announced = member.device.push_token();
    const std::lock_guard lock(self->mutex);
    ++self->counts.enrollments;
  }
  co_return enrolled;
}

/// Each enrollment begins with a profile and a certificate anew, as on a real device.
Task<Result<>> Fleet::Impl::install_enrollment_profile(std::shared_ptr<Impl> self, std::size_t index) {
  auto& member = self->members[index];
  auto enrollment = co_await fetch_enrollment(self->strand, *self->options.enrollment_way,
                                              self->key_of(index), member.device.identity());
  if (!enrollment) co_return std::unexpected(enrollment.error());
  member.device.set_topic(enrollment->profile.topic);
  member.enrollment = std::move(*enrollment);
  self->make_transport(member);
  co_return Result<>();
}

void Fleet::Impl::failed_with(const Error& error) {
  const std::lock_guard lock(mutex);
  ++counts.failures;
  counts.last_failure = error.code + ": " + error.message;
}

void Fleet::Impl::count_session(const SessionOutcome& outcome) {
  const std::lock_guard lock(mutex);
  ++counts.sessions;
  counts.commands += outcome.commands;
  counts.acknowledged += outcome.acknowledged;
  counts.errors += outcome.errors;
  counts.not_now += outcome.not_now;
  counts.installs += outcome.installs;
  counts.duplicates += outcome.duplicates;
  counts.lost_answers += outcome.lost ? 1 : 0;
}

void Fleet::Impl::count_enrolled(Member& member) {
  const bool enrolled = member.device.enrolled();
  if (enrolled == member.counted) return;
  member.counted = enrolled;
  const std::lock_guard lock(mutex);
  counts.enrolled += enrolled ? 1 : std::size_t(-1);
}

void Fleet::Impl::wake(std::size_t index) {
  auto& member = members.at(index);
  member.pushed = true;
  member.timer.cancel();
}

PushOutcome Fleet::Impl::push(const std::string& token, const std::string& magic) {
  const auto known = tokens.find(token);
  if (known == tokens.end()) return PushOutcome::unknown;
  const auto& device = members[known->second].device;
  if (device.push_token() != token || members[known->second].turned_away) return PushOutcome::unregistered;
  if (!device.online(clock.now())) return PushOutcome::offline;
  if (device.push_magic() == magic) {
    wake(known->second);
    const std::lock_guard lock(mutex);
    ++counts.pushes;
  }
  return PushOutcome::delivered;
}

Task<void> Fleet::Impl::finish(std::shared_ptr<Impl> self) {
  self->stopping = true;
  asio::steady_timer timer(self->strand);
  for (auto& member : self->members) member.timer.cancel();
  while (self->living > 0) {
    timer.expires_after(milliseconds(5));
    co_await timer.async_wait(asio::use_awaitable);
  }
}

Fleet::Fleet(asio::any_io_executor executor, FleetOptions options, const Clock& clock)
    : impl_(std::make_shared<Impl>(executor, std::move(options), clock)) {}

Fleet::~Fleet() {
  // Without stop: coroutines hold the rest alive and end at their next step.
  asio::post(impl_->strand, [impl = impl_] {
    impl->stopping = true;
    for (auto& member : impl->members) member.timer.cancel();
  });
}

void Fleet::start() {
  asio::post(impl_->strand, [impl = impl_] { impl->run_all(); });
}

Task<void> Fleet::stop() {
  const auto impl = impl_;
  co_await asio::co_spawn(impl->strand, Impl::finish(impl), asio::use_awaitable);
}

void Fleet::wake(std::size_t index) {
  asio::post(impl_->strand, [impl = impl_, index] { impl->wake(index); });
}

Task<PushOutcome> Fleet::push(std::string token, std::string magic) {
  const auto impl = impl_;
  co_return co_await suspend<PushOutcome>(
      [impl, token = std::move(token), magic = std::move(magic)](Completion<PushOutcome> done) mutable {
        asio::post(impl->strand, [impl, token = std::move(token), magic = std::move(magic),
                                  done = std::move(done)]() mutable { done(impl->push(token, magic)); });
      });
}

FleetSnapshot Fleet::snapshot() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->counts;
}

void Fleet::with_device(std::size_t index, std::function<void(Device&)> act) {
  std::promise<void> done;
  asio::post(impl_->strand, [&] {
    auto& member = impl_->members.at(index);
    act(member.device);
    impl_->count_enrolled(member);
    done.set_value();
  });
  done.get_future().wait();
}

Device& Fleet::device(std::size_t index) { return impl_->members.at(index).device; }

}  // namespace mooring::simulator
