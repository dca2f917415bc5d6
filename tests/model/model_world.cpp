// SPDX-License-Identifier: Apache-2.0
#include "tests/model/model_world.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>

#include "base/plist/plist.hpp"
#include "tests/model/fresh_database.hpp"

namespace mooring::test {
namespace {

constexpr Time kModelStart{std::chrono::microseconds{1'793'000'000'000'000}};
constexpr std::uint64_t kIdentitySeed = 7;
constexpr auto kSkew = std::chrono::seconds(30);

/// Steps of items that the state machine does not know; a plain function has no other place for them.
std::vector<std::string>& strange_moves() {
  static std::vector<std::string> moves;
  return moves;
}

void note_move(reconciler::ItemState from, reconciler::ItemState to) {
  if (!reconciler::may_follow(from, to)) {
    strange_moves().push_back(fmt::format("{} -> {}", name_of(from), name_of(to)));
  }
}

template <class T>
T await(boost::asio::io_context& io, Task<T> task) {
  std::optional<T> out;
  io.restart();
  boost::asio::co_spawn(io, std::move(task), [&](std::exception_ptr error, T value) {
    if (error) std::rethrow_exception(error);
    out.emplace(std::move(value));
  });
  io.run();
  return std::move(*out);
}

}  // namespace

/// The way of a device to one server.
class ModelWorld::Wire final : public simulator::Transport {
 public:
  Wire(ModelWorld& world, int device, int server, WireFaults faults)
      : world_(world), device_(world.device(device)), server_(server), faults_(faults) {}

  Task<Result<http::Response>> put(std::string path, std::string content_type, std::string body) override {
    const int message = ++messages_;
    if (message == faults_.hold) {
      device_.held = body;
      co_return broken();
    }
    if (message == faults_.cut && !faults_.after) co_return broken();
    auto response = co_await deliver(path, content_type, body);
    if (message == faults_.duplicate) response = co_await deliver(path, content_type, body);
    if (message == faults_.cut || world_.fault(server_).dead || !response || response->status >= 500) {
      co_return broken();
    }
    co_return response;
  }

  void watch(const plist::Dict& message) {
    const auto* uuid = message.string("CommandUUID");
    const auto* status = message.string("Status");
    const bool executed = uuid != nullptr && status != nullptr && *status != "NotNow";
    answers_ = executed ? *uuid : std::string();
  }
  bool was_broken() const { return broken_; }

 private:
  Task<Result<http::Response>> deliver(std::string path, std::string content_type, std::string body) {
    http::Request request;
    request.method = "PUT";
    request.target = std::move(path);
    request.headers.set("Content-Type", std::move(content_type));
    request.body = std::move(body);
    co_return co_await world_.server(server_).dispatch(std::move(request));
  }
  Result<http::Response> broken() {
    broken_ = true;
    if (!answers_.empty()) ++device_.lost[answers_];
    return fail(Failure::unavailable, "model.broken", "the connection broke");
  }

  ModelWorld& world_;
  ModelDevice& device_;
  int server_;
  WireFaults faults_;
  int messages_ = 0;
  bool broken_ = false;
  std::string answers_;  ///< CommandUUID of what the present message answers.
};

ModelWorld::ModelWorld(Shape of)
    : shape(of), db(fresh_database()), clock(kModelStart), declared(of), secrets_(crypto::SecretBox::Key{}) {
  for (int i = 0; i < kServers; ++i) {
    clocks_.at(static_cast<std::size_t>(i)) = std::make_unique<SkewedClock>(clock, i * -kSkew);
  }
  for (int i = 0; i < shape.devices; ++i) {
    const auto number = static_cast<std::uint64_t>(i);
    devices_.push_back(
        {.device = std::make_unique<simulator::Device>(simulator::make_identity(kIdentitySeed, number),
                                                       simulator::DeviceOptions{.seed = number + 1})});
  }
  strange_moves().clear();
}

ModelWorld::~ModelWorld() = default;

void ModelWorld::run(const Step& step) { find_step_kind(step.kind)->run(*this, step); }

void ModelWorld::problem(std::string check, std::string text) {
  problems.push_back({std::move(check), std::move(text)});
}

// ---- the servers

ModelServer& ModelWorld::server(int index) {
  const auto at = static_cast<std::size_t>(index);
  if (!servers_.at(at)) {
    ModelServer::Hooks hooks{.probe = [this, index](reconciler::Stage stage) { reached(index, stage); },
                             .push = [this](std::span<const std::int64_t> ids,
                                            core::PushLane) { pushed.insert(ids.begin(), ids.end()); },
                             .on_move = note_move};
    servers_.at(at) =
        std::make_unique<ModelServer>(db, *clocks_.at(at), secrets_, log_, faults_.at(at), std::move(hooks));
  }
  return *servers_.at(at);
}

void ModelWorld::restart(int index) {
  const auto at = static_cast<std::size_t>(index);
  if (passing_.at(at)) return;
  servers_.at(at).reset();
  faults_.at(at).clear();
}

/// A server that died is made anew when it is next asked for. One that is in the middle of a pass ends with
/// it.
void ModelWorld::bury(int index) {
  if (fault(index).dead) restart(index);
}

std::size_t ModelWorld::pass(int index, reconciler::Stage stage, std::span<const Step> inside) {
  const auto at = static_cast<std::size_t>(index);
  if (passing_.at(at)) return 0;
  auto& one = server(index);
  passing_.at(at) = true;
  fault(index).fired = false;
  probes_.at(at) = {.stage = stage, .steps = inside};
  const auto taken = one.reconcile();
  passing_.at(at) = false;
  probes_.at(at) = {};
  if (!taken && !fault(index).fired) problem("pass", taken.error().message);
  for (const auto& move : strange_moves()) problem("may_follow", move);
  strange_moves().clear();
  bury(index);
  return taken.value_or(0);
}

void ModelWorld::reached(int index, reconciler::Stage stage) {
  auto& probe = probes_.at(static_cast<std::size_t>(index));
  if (probe.steps.empty() || probe.stage != stage) return;
  const auto steps = std::exchange(probe.steps, {});
  for (const auto& step : steps) run(step);
}

// ---- the devices

template <class T>
Result<T> ModelWorld::talk(int index, int server_index, WireFaults faults,
                           Task<Result<T>> (simulator::Session::*what)()) {
  auto& simulated = *device(index).device;
  auto& one = server(server_index);
  fault(server_index).fired = false;
  Wire wire(*this, index, server_index, faults);
  simulator::Session session(simulated, wire, clock,
                             {.observer =
                                  [&](simulator::Direction direction, const plist::Dict& message) {
                                    if (direction == simulator::Direction::to_device) {
                                      watch_handed_out(index, message);
                                    } else {
                                      wire.watch(message);
                                    }
                                  },
                              .max_commands = 500});
  auto outcome = await(one.io(), (session.*what)());
  const auto& fault_of = fault(server_index);
  const bool excused =
      wire.was_broken() && (faults.cut > 0 || faults.hold > 0 || fault_of.fired || fault_of.dead);
  if (!outcome && !excused) problem("wire", fmt::format("device {}: {}", index, outcome.error().message));
  if (session.turned_away()) problem("wire", fmt::format("device {} was turned away", index));
  bury(server_index);
  return outcome;
}

void ModelWorld::enroll(int index, int server_index, WireFaults faults) {
  cause_everything(index);
  talk<void>(index, server_index, faults, &simulator::Session::enroll);
}

simulator::SessionOutcome ModelWorld::connect(int index, int server_index, WireFaults faults) {
  auto& simulated = *device(index).device;
  if (!simulated.enrolled() || !simulated.connect(clock.now())) return {};
  pushed.erase(number(fmt::format("select coalesce(max(id), 0) from enrollments where enrollment_id = '{}'",
                                  simulated.identity().udid)));
  return talk<simulator::SessionOutcome>(index, server_index, faults, &simulator::Session::run)
      .value_or(simulator::SessionOutcome{});
}

void ModelWorld::check_out(int index, int server_index) {
  talk<void>(index, server_index, {}, &simulator::Session::check_out);
}

void ModelWorld::deliver_late(int index, int server_index) {
  auto body = std::exchange(device(index).held, std::nullopt);
  if (!body) return;
  Wire wire(*this, index, server_index, {});
  auto& one = server(server_index);
  fault(server_index).fired = false;
  const auto response =
      await(one.io(), wire.put("/mdm", "application/x-apple-aspen-mdm; charset=UTF-8", *body));
  const auto& fault_of = fault(server_index);
  if (!response && !fault_of.fired && !fault_of.dead) problem("wire", "a late answer was refused");
  bury(server_index);
  for (auto& [slot, since] : device(index).strangers_since)
    since = clock.now();  // it may have been an old list
}

void ModelWorld::cause(int index, int slot) {
  for (int i = 0; i < device_count(); ++i) {
    if (index != kAllDevices && index != i) continue;
    // What comes later may be withdrawn meanwhile, and sent again.
    for (const int behind : declared.slots_behind(slot)) ++device(i).causes[behind];
  }
}

void ModelWorld::cause_everything(int index) {
  for (int slot = 0; slot < shape.slots; ++slot) cause(index, slot);
}

/// Once a list has shown the server whose profile it is that a slot holds, none is taken away from a
/// stranger.
void ModelWorld::watch_removal(int index, int slot) {
  const auto* held = device(index).device->profile(identifier_of(slot));
  const auto since = device(index).strangers_since.find(slot);
  if (held == nullptr || held->managed || since == device(index).strangers_since.end()) return;
  const auto shown = text(fmt::format("select (list_at > '{}')::text from reconcile where device_id = {}",
                                      to_rfc3339(since->second + 2 * kSkew), device_id(index)));
  if (shown == "true") problem("foreign", fmt::format("device {}: slot {} is a stranger's", index, slot));
}

/// What the item requires is there, in the version that is declared, unless its user took it away just now.
void ModelWorld::watch_order(int index, int item) {
  for (const int other : declared.requirements(item)) {
    const int slot = declared.slot_of(other);
    const auto first = declared.winner(index, slot);
    const auto* held = device(index).device->profile(identifier_of(slot));
    const bool there = first && first->item == other && held != nullptr &&
                       held->uuid == identity_of(other, slot, first->value);
    if (there || device(index).lost_by_user.contains(slot)) continue;
    problem("order", fmt::format("device {} was handed item {} before item {}", index, item, other));
  }
}

/// The moment of truth: what leaves the server now must be what is declared now.
void ModelWorld::watch_handed_out(int index, const plist::Dict& envelope) {
  const auto* command = envelope.dict("Command");
  const auto* uuid = envelope.string("CommandUUID");
  if (command == nullptr || uuid == nullptr) return problem("wire", "a command without content");
  const auto& type = *command->string("RequestType");
  const bool install = type == "InstallProfile";
  if (!install && type != "RemoveProfile") return;
  std::string identifier;
  std::string identity;
  if (install) {
    const auto read = simulator::read_profile(command->data("Payload")->bytes);
    if (!read) return problem("wire", read.error().message);
    identifier = read->identifier;
    identity = read->uuid;
  } else {
    identifier = *command->string("Identifier");
  }
  for (int slot = 0; slot < shape.slots; ++slot) {
    if (identifier != identifier_of(slot)) continue;
    const auto winner = declared.winner(index, slot);
    if (install) device(index).sent[slot].insert(*uuid);
    if (!install) watch_removal(index, slot);
    if (install && winner) watch_order(index, winner->item);
    const auto wanted = winner ? identity_of(winner->item, slot, winner->value) : std::string();
    if (identity != wanted) {
      problem("stale",
              fmt::format("device {} was handed {} of slot {} ({}) when {} was declared", index, type, slot,
                          identity,
                          winner ? fmt::format("item {} value {}", winner->item, winner->value) : "nothing"));
    }
    return;
  }
  problem("foreign", fmt::format("device {} was handed {} of {}", index, type, identifier));
}

// ---- what is stored

std::int64_t ModelWorld::device_id(int index) {
  return number(fmt::format("select coalesce(max(id), 0) from devices where udid = '{}'",
                            device(index).device->identity().udid));
}

std::int64_t ModelWorld::number(const std::string& sql) {
  const auto value = text(sql);
  return value.empty() ? 0 : std::stoll(value);
}

std::string ModelWorld::text(const std::string& sql) {
  const auto rows = db.connection().script(fmt::format("select ({})::text", sql));
  return rows.empty() || rows[0].is_null(0) ? std::string() : rows[0].text(0);
}

}  // namespace mooring::test
