// SPDX-License-Identifier: Apache-2.0
#include "tests/support/world.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <optional>

#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "core/queue.hpp"
#include "director/profiles.hpp"
#include "reconciler/item_state.hpp"
#include "schema/schema.hpp"

namespace mooring::test {
namespace {

constexpr Time kStart{std::chrono::microseconds{1'793'000'000'000'000}};
constexpr std::uint64_t kSeed = 7;

template <class T>
T must(Result<T> result) {
  if (!result) {
    ADD_FAILURE() << result.error().code << ": " << result.error().message;
    std::abort();
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// Runs `body` in a transaction on the test's connection.
template <class T, class Body>
T transact(pg::Connection& connection, Body body) {
  return must(pg::in_transaction(connection, [&](pg::Connection& c) -> Result<T> { return body(c); }));
}

}  // namespace

std::string profile(const std::string& identifier, const std::string& value) {
  const plist::Dict payload{{"PayloadType", "com.apple.ManagedClient.preferences"},
                            {"PayloadIdentifier", identifier + ".payload"},
                            {"PayloadUUID", "B0E3C5B8-6E2D-4F59-9A57-3B0C5A1C7D11"},
                            {"PayloadVersion", 1},
                            {"Value", value}};
  return plist::to_xml(plist::Dict{{"PayloadType", "Configuration"},
                                   {"PayloadIdentifier", identifier},
                                   {"PayloadUUID", "6F0B1C5E-0C9A-4B5B-8E55-0E6B4B1B2C11"},
                                   {"PayloadVersion", 1},
                                   {"PayloadDisplayName", identifier},
                                   {"PayloadContent", plist::Array(1, payload)}});
}

/// Straight into the endpoint's handlers; watches that what passes satisfies Apple's schema.
class World::EndpointTransport final : public simulator::Transport {
 public:
  /// `user_channel`: it speaks for one of the device's users.
  EndpointTransport(World& world, const simulator::Device& device, bool user_channel = false)
      : world_(world), device_(device), target_(device.target()) {
    target_.user_channel = user_channel;
  }

  Task<Result<http::Response>> put(std::string path, std::string content_type, std::string body) override {
    http::Request request;
    request.method = "PUT";
    request.target = path;
    request.headers.set("Content-Type", content_type);
    request.body = std::move(body);
    if (const auto signer = world_.signers_.find(device_.identity().udid); signer != world_.signers_.end()) {
      request.headers.set("Mdm-Signature",
                          to_base64(must(crypto::sign_detached(request.body, signer->second))));
    }
    co_return co_await world_.dispatch(std::move(request));
  }

  void watch(simulator::Direction direction, const plist::Dict& message) {
    const auto& schema = schema::Schema::apple();
    schema::Problems problems;
    if (direction == simulator::Direction::to_device) {
      const auto* command = message.dict("Command");
      if (command == nullptr) return;
      if (const auto* uuid = message.string("CommandUUID"))
        last_type_[*uuid] = *command->string("RequestType");
      problems = schema.check_request(*command, target_);
    } else if (message.string("MessageType") != nullptr) {
      problems = schema.check_checkin(message, target_);
    } else if (const auto* uuid = message.string("CommandUUID")) {
      problems = schema.check_report(last_type_[*uuid], message, target_);
    }
    if (!problems.empty()) world_.schema_problems.push_back(schema::to_string(problems));
  }

 private:
  World& world_;
  const simulator::Device& device_;
  schema::Target target_;
  std::map<std::string, std::string> last_type_;
};

namespace {

void expect_step(reconciler::ItemState from, reconciler::ItemState to) {
  EXPECT_TRUE(reconciler::may_follow(from, to)) << name_of(from) << " -> " << name_of(to);
}

}  // namespace

World::World(reconciler::Policy policy, core::CheckinOptions checkins,
             std::optional<core::IdentityOptions> identity, core::UnknownDevicePolicy unknown_devices)
    : clock(kStart),
      secrets_(crypto::SecretBox::Key{}),
      interest_(secrets_),
      pool_({.connect = db.connect_options(), .connections = 2}, db.log, db.metrics),
      checkins_(db.connect_options(true), pool_, secrets_, interest_, clock, db.log, db.metrics, checkins),
      reports_(db.connect_options(true), interest_, clock, db.log, db.metrics),
      payloads_(pool_),
      activity_(db.connect_options(), clock, db.log),
      identity_(identity ? std::make_unique<core::Identity>(std::move(*identity), db.connect_options(true),
                                                            crypto_, clock, db.log, db.metrics)
                         : nullptr),
      unknown_devices_(unknown_devices, pool_),
      renderer_(pool_, secrets_),
      endpoint_(checkins_, reports_, payloads_, activity_, unknown_devices_, identity_.get(), {}, db.log,
                &renderer_),
      routes_(endpoint_.routes()),
      reconciler_(
          {.connect = db.connect_options(), .policy = policy, .on_move = expect_step},
          [this](std::span<const std::int64_t> ids, core::PushLane lane) {
            (lane == core::PushLane::urgent ? urgent_pushes_ : background_pushes_) += ids.size();
            pushes_.insert(pushes_.end(), ids.begin(), ids.end());
            if (on_push) on_push(ids, lane);
          },
          clock, db.log, db.metrics) {
  must(reconciler_.prepare(connection()));
}

World::~World() { EXPECT_TRUE(schema_problems.empty()) << schema_problems.front(); }

template <class T>
T World::run(Task<T> task) {
  std::optional<T> out;
  io_.restart();
  boost::asio::co_spawn(io_, std::move(task), [&](std::exception_ptr error, T value) {
    if (error) std::rethrow_exception(error);
    out.emplace(std::move(value));
  });
  io_.run();
  return std::move(*out);
}

std::unique_ptr<simulator::Device> World::make_device(int index) {
  return std::make_unique<simulator::Device>(
      simulator::make_identity(kSeed, static_cast<std::uint64_t>(index)),
      simulator::DeviceOptions{.seed = static_cast<std::uint64_t>(index) + 1});
}

void World::enroll(simulator::Device& device) {
  EndpointTransport transport(*this, device);
  simulator::Session session(device, transport, clock, {.observer = [&](auto direction, const auto& dict) {
                               transport.watch(direction, dict);
                             }});
  must(run(session.enroll()));
}

void World::enroll_user(simulator::Device& device, const std::string& short_name) {
  if (device.user(short_name) == nullptr) device.add_user(short_name);
  EndpointTransport transport(*this, device, true);
  simulator::SessionOptions options{.user = short_name};
  options.observer = [&](auto direction, const auto& dict) { transport.watch(direction, dict); };
  simulator::Session session(device, transport, clock, options);
  must(run(session.enroll()));
}

simulator::SessionOutcome World::connect(simulator::Device& device, const std::string& user) {
  if (!device.connect(clock.now())) return {};
  EndpointTransport transport(*this, device, !user.empty());
  simulator::SessionOptions options{.user = user};
  options.observer = [&](auto direction, const auto& dict) { transport.watch(direction, dict); };
  simulator::Session session(device, transport, clock, options);
  return must(run(session.run()));
}

http::Response World::put(const std::string& path, const plist::Dict& message) {
  return put_bytes(path, plist::to_xml(message));
}

http::Response World::put_bytes(const std::string& path, const std::string& body,
                                const std::string& content_type) {
  const auto device = make_device();
  EndpointTransport transport(*this, *device);
  return must(run(transport.put(path, content_type, body)));
}

Result<core::CheckinOutcome> World::checkin(const plist::Dict& message, core::MessageContext context) {
  context.body = plist::to_xml(message);
  return run(checkins_.handle(must(core::parse_checkin(message)), message, std::move(context)));
}

Task<Result<http::Response>> World::dispatch(http::Request request) {
  for (auto& route : routes_) {
    if (route.pattern == request.path() && route.method == request.method) {
      co_return co_await route.handler(std::move(request));
    }
  }
  co_return fail(Failure::not_found, "test.route", request.target);
}

http::Response World::send(http::Request request) { return must(run(dispatch(std::move(request)))); }

void World::identify(const simulator::Device& device, crypto::Signer signer) {
  signers_.insert_or_assign(device.identity().udid, std::move(signer));
}

http::Response World::report(const std::string& udid, const std::string& status,
                             const std::string& command_uuid) {
  plist::Dict message{{"UDID", udid}, {"Status", status}};
  if (!command_uuid.empty()) message.set("CommandUUID", command_uuid);
  return put("/mdm", message);
}

std::size_t World::reconcile() {
  std::size_t total = 0;
  while (true) {
    const auto taken = must(reconciler_.run_once(connection()));
    if (taken == 0) return total;
    total += taken;
  }
}

bool World::try_reconcile() {
  pg::Connection own(db.connect_options());
  while (true) {
    const auto taken = reconciler_.run_once(own);
    if (!taken) return false;
    if (*taken == 0) return true;
  }
}

void World::settle(simulator::Device& device, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    const auto passes = reconcile();
    auto outcome = connect(device);
    for (const auto& [name, user] : device.users()) {
      if (user.logged_in) outcome += connect(device, name);
    }
    if (passes == 0 && outcome.commands == 0) return;
  }
}

void World::declare(const std::string& name, const std::string& mobileconfig) {
  const auto document = must(director::read_profile(mobileconfig));
  transact<director::PutProfile>(
      connection(), [&](pg::Connection& c) { return director::put_profile(c, name, document, clock.now()); });
}

void World::assign(const std::string& name, const std::string& scope, director::Intent intent) {
  const auto parsed = must(director::Scope::parse(scope));
  transact<director::PutAssignment>(connection(), [&](pg::Connection& c) {
    return director::put_assignment(c, name, parsed, intent, clock.now());
  });
}

void World::unassign(const std::string& name, const std::string& scope) {
  const auto deleted = transact<bool>(connection(), [&](pg::Connection& c) -> Result<bool> {
    for (const auto& assignment : director::list_assignments(c, 0, 1000)) {
      if (assignment.item_name == name && assignment.scope.text() == scope) {
        return director::delete_assignment(c, assignment.id, clock.now());
      }
    }
    return false;
  });
  ASSERT_TRUE(deleted) << name << " is not assigned to " << scope;
}

void World::remove_profile(const std::string& name) {
  const auto deleted = transact<bool>(connection(), [&](pg::Connection& c) -> Result<bool> {
    return director::delete_profile(c, name, clock.now());
  });
  ASSERT_TRUE(deleted) << name;
}

std::string World::enqueue(const std::string& enrollment_id, const std::string& command_uuid,
                           const std::string& request_type, int priority) {
  plist::Dict command{{"RequestType", request_type}};
  if (request_type == "DeviceInformation") command.set("Queries", plist::Array(1, plist::Value("UDID")));
  const std::string bytes = plist::to_xml(plist::Dict{{"CommandUUID", command_uuid}, {"Command", command}});
  const auto id = number(fmt::format("select id from enrollments where enrollment_id = '{}'", enrollment_id));
  transact<bool>(connection(), [&](pg::Connection& c) -> Result<bool> {
    const auto payload =
        core::store_payload(c, {.body = bytes, .request_type = request_type, .relayed = true}, clock.now());
    const std::vector<core::NewCommand> commands{{.enrollment = id,
                                                  .uuid = core::encode_command_uuid(command_uuid),
                                                  .payload = payload,
                                                  .priority = static_cast<std::int16_t>(priority)}};
    core::enqueue(c, commands, clock.now());
    return true;
  });
  return bytes;
}

std::int64_t World::number(const std::string& sql) {
  const std::string value = text(sql);
  return value.empty() ? -1 : std::stoll(value);
}

std::string World::text(const std::string& sql) {
  const auto rows = connection().script(fmt::format("select ({})::text", sql));
  return rows.empty() || rows[0].is_null(0) ? std::string() : rows[0].text(0);
}

std::int64_t World::device_id(const simulator::Device& device) {
  return number(fmt::format("select id from devices where udid = '{}'", device.identity().udid));
}

std::string World::state(const simulator::Device& device, const std::string& name, const std::string& user) {
  const auto number_text =
      text(fmt::format("select s.state from device_items s join items i on i.id = s.item_id "
                       "left join enrollments e on e.id = s.channel_id where "
                       "s.device_id = {} and i.name = '{}' and coalesce(e.user_short_name, '') = '{}' "
                       "order by i.id desc limit 1",
                       device_id(device), name, user));
  if (number_text.empty()) return "none";
  return std::string(reconciler::name_of(static_cast<reconciler::ItemState>(std::stoi(number_text))));
}

}  // namespace mooring::test
