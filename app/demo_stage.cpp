// SPDX-License-Identifier: Apache-2.0
#include "app/demo_stage.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace mooring::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr const char* kUsualDeviceListen = "127.0.0.1:8443";
constexpr const char* kUsualApiListen = "127.0.0.1:8000";
constexpr const char* kAnyPort = "127.0.0.1:0";

constexpr seconds kStartPatience{180};  ///< PostgreSQL may have to recover.
constexpr milliseconds kPause{100};     ///< Between looks at what is waited for.
constexpr milliseconds kRefresh{400};   ///< Between looks at the server's numbers.
constexpr std::size_t kAnyDevice = 1;   ///< For the README's commands.
constexpr seconds kScreenPatience{3};
constexpr seconds kQuickDeath{10};
constexpr int kQuickDeaths = 3;

std::string without_scheme(const std::string& url) {
  const auto scheme = url.find("://");
  return scheme == std::string::npos ? url : url.substr(scheme + 3);
}

}  // namespace

DemoStage::DemoStage(DemoOptions options, DemoDirectory directory)
    : options_(std::move(options)),
      directory_(std::move(directory)),
      fleet_(static_cast<std::size_t>(options_.devices), options_.seed) {
  fleet_.on_signal([this](bool user_defined) {
    if (user_defined) {
      users_wanted_ = true;
    } else {
      stop_.request_stop();
    }
    wake_.notify_all();
  });
}

std::string DemoStage::choose_address(const std::string& chosen, const char* usual, const char* what) {
  if (!chosen.empty()) return chosen;
  if (options_.once) return kAnyPort;
  if (can_listen(usual)) return usual;
  screen_.say(fmt::format("{} is taken: the {} gets a free port.", usual, what));
  return kAnyPort;
}

void DemoStage::choose_addresses() {
  options_.device_listen = choose_address(options_.device_listen, kUsualDeviceListen, "listener for devices");
  options_.api_listen = choose_address(options_.api_listen, kUsualApiListen, "API");
}

Result<> DemoStage::open() {
  auto push = fleet_.open_push_service();
  if (!push) return std::unexpected(push.error());
  push_ = std::move(*push);
  if (auto written = directory_.write_push_trust(push_.trust); !written) return written;
  choose_addresses();
  if (auto started = start_server(); !started) return std::unexpected(started.error());
  const auto& said = server_->announcement();
  device_url_ = said.device_url;
  token_ = said.token;
  client_ = std::make_unique<DemoClient>(said.api_url, token_);
  if (auto uploaded = client_->put_push_certificate(push_.certificate); !uploaded) return uploaded;
  if (auto opened = client_->open_enrollment(); !opened) return opened;
  // Started again, it must be where the devices and the user's shell look for it.
  options_.device_listen = without_scheme(said.device_url);
  options_.api_listen = without_scheme(said.api_url);
  if (auto written = directory_.write_pid("demo.pid", ::getpid()); !written) return written;
  return directory_.write_environment(said.api_url, token_, fleet_.serial_number(kAnyDevice));
}

ServerCommand DemoStage::server_command(bool expects_token) const {
  // Everything that takes hours in earnest takes seconds here; a large fleet gets more time.
  const int inventory = std::max(15, options_.devices / 50);
  return {.arguments = {"serve",
                        "--data-dir",
                        directory_.server_data().string(),
                        "--device-listen",
                        options_.device_listen,
                        "--api-listen",
                        options_.api_listen,
                        "--push-url",
                        push_.url,
                        "--push-trust",
                        directory_.push_trust().string(),
                        "--inventory-interval",
                        fmt::format("{}s", inventory),
                        "--retry-base=1s",
                        "--push-retry-base=2s",
                        "--verify-patience=5s",
                        "--gauge-interval=500ms",
                        "--reconcile-poll=200ms",
                        "--drain-timeout=3s",
                        "--log-format=json"},
          .log_file = directory_.server_log(),
          .expects_token = expects_token};
}

Result<> DemoStage::start_server() {
  server_.reset();
  auto server = ServerProcess::start(server_command(token_.empty()), stop_.get_token(), kStartPatience);
  if (!server) return std::unexpected(server.error());
  server_ = std::move(*server);
  started_at_ = steady_clock::now();
  return directory_.write_pid("server.pid", server_->pid());
}

/// A server that died is started again with the same data, as a service manager would do.
void DemoStage::revive() {
  const auto end = server_ ? server_->ended() : std::nullopt;
  if (!end || stopping()) return;
  quick_deaths_ = steady_clock::now() - started_at_ < kQuickDeath ? quick_deaths_ + 1 : 0;
  ++restarts_;
  screen_.say(fmt::format("The server {}. Starting it again with the same data.", *end));
  auto started = quick_deaths_ < kQuickDeaths
                     ? start_server()
                     : fail(Failure::unavailable, "demo.server_ended",
                            fmt::format("the server died {} times right after its start; see {}",
                                        quick_deaths_, directory_.server_log().string()));
  if (started) {
    screen_.say(fmt::format("  it is back as process {}", server_->pid()));
  } else {
    if (started.error().code != "demo.interrupted") broken_ = started.error();
    stop_.request_stop();
  }
}

void DemoStage::tick(const std::string& activity) {
  revive();
  if (screen_.broken()) stop_.request_stop();
  const auto now = steady_clock::now();
  if (stopping() || now - viewed_at_ < kRefresh) return;
  viewed_at_ = now;
  view_.activity = activity;
  view_.fleet = fleet_.snapshot();
  auto numbers = client_->numbers();
  view_.server_answers = numbers.has_value();
  if (numbers) view_.server = std::move(*numbers);
  screen_.show(view_);
}

void DemoStage::pause() {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, stop_.get_token(), kPause, [this] { return users_wanted_.load(); });
}

bool DemoStage::wait_for(const std::function<bool()>& met, Instant deadline, const std::string& activity) {
  while (!stopping()) {
    tick(activity);
    if (met()) return true;
    if (steady_clock::now() > deadline) return false;
    pause();
  }
  return false;
}

void DemoStage::let_screen_catch_up() {
  const auto calm = [this] {
    return std::ranges::all_of(view_.server.items, [](const ItemNumbers& item) { return item.drifted == 0; });
  };
  wait_for(calm, steady_clock::now() + kScreenPatience, "");
}

void DemoStage::close() {
  fleet_.stop();
  if (server_) server_->stop();
  directory_.forget_pids();
}

}  // namespace mooring::app
