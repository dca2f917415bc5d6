// SPDX-License-Identifier: Apache-2.0
#include "simulator/device.hpp"

#include <algorithm>
#include <array>

#include "schema/schema.hpp"
#include "simulator/report.hpp"

namespace mooring::simulator {
namespace {

constexpr const char* kMdmErrors = "MCMDMErrorDomain";
constexpr std::int64_t kUnknownCommand = 12021;
constexpr std::int64_t kMalformedCommand = 12018;

/// What a locked device puts off; it still answers questions about itself and obeys lock and erase.
constexpr std::array<std::string_view, 10> kNeedsUnlock{"InstallProfile",
                                                        "RemoveProfile",
                                                        "ProfileList",
                                                        "CertificateList",
                                                        "InstalledApplicationList",
                                                        "ManagedApplicationList",
                                                        "InstallApplication",
                                                        "InstallEnterpriseApplication",
                                                        "RemoveApplication",
                                                        "Settings"};

std::string bytes_from(Random& random, std::size_t count) {
  std::string bytes(count, '\0');
  std::ranges::generate(bytes, [&] { return static_cast<char>(random.below(256)); });
  return bytes;
}

/// Queries that no device knows are dropped by devices, so they do not make a command malformed.
bool ignored_by_devices(const schema::Problem& problem) { return problem.path.starts_with("Queries["); }

}  // namespace

Device::Device(Identity identity, DeviceOptions options)
    : identity_(std::move(identity)),
      options_(std::move(options)),
      random_(options_.seed),
      awaiting_configuration_(options_.awaiting_configuration) {
  new_push_details();
}

void Device::new_push_details() {
  push_token_ = bytes_from(random_, 32);
  push_magic_ = random_uuid(random_);
}

plist::Dict Device::message(const char* type) const {
  return {{"MessageType", type}, {"Topic", options_.topic}, {"UDID", identity_.udid}};
}

plist::Dict Device::authenticate() const {
  auto dict = message("Authenticate");
  dict.set("OSVersion", identity_.os_version);
  dict.set("BuildVersion", identity_.build_version);
  dict.set("ProductName", identity_.product_name);
  dict.set("SerialNumber", identity_.serial);
  if (identity_.platform == Platform::mac) {
    dict.set("DeviceName", identity_.device_name);
    dict.set("Model", identity_.model);
    dict.set("ModelName", identity_.model_name);
  }
  return dict;
}

plist::Dict Device::token_update() {
  auto dict = message("TokenUpdate");
  dict.set("Token", plist::Data{push_token_});
  dict.set("PushMagic", push_magic_);
  dict.set("AwaitingConfiguration", awaiting_configuration_);
  if (identity_.platform != Platform::mac) dict.set("UnlockToken", plist::Data{bytes_from(random_, 64)});
  return dict;
}

plist::Dict Device::check_out() const { return message("CheckOut"); }

plist::Dict Device::idle_report() const { return {{"Status", "Idle"}, {"UDID", identity_.udid}}; }

plist::Dict Device::token_update(std::string_view user) const {
  auto dict = message("TokenUpdate");
  const auto& who = users_.find(user)->second;
  dict.set("UserID", who.id);
  dict.set("UserShortName", who.short_name);
  dict.set("UserLongName", "User " + who.short_name);
  dict.set("NotOnConsole", !who.logged_in);
  dict.set("Token", plist::Data{who.push_token});
  dict.set("PushMagic", who.push_magic);
  return dict;
}

plist::Dict Device::idle_report(std::string_view user) const {
  auto dict = idle_report();
  dict.set("UserID", users_.find(user)->second.id);
  dict.set("UserShortName", std::string(user));
  return dict;
}

bool Device::connect(Time now) {
  if (!online(now)) return false;
  if (random_.chance(options_.behaviour.offline_probability)) {
    offline_until_ = now + options_.behaviour.offline_duration;
    return false;
  }
  if (random_.chance(options_.behaviour.not_now_probability) && !locked(now)) {
    locked_until_ = now + options_.behaviour.not_now_duration;
  }
  const bool removes = random_.chance(options_.behaviour.user_removal_probability);
  if (removes && !profiles().empty()) {
    const auto chosen = profiles()[random_.below(profiles().size())].identifier;
    user_removes_profile(chosen);
  }
  return true;
}

std::optional<plist::Dict> Device::respond(const plist::Dict& envelope, Time now, std::string_view user) {
  active_ = user.empty() ? nullptr : this->user(user);
  const auto* uuid = envelope.string("CommandUUID");
  const auto* command = envelope.dict("Command");
  plist::Dict report;
  if (uuid == nullptr || command == nullptr) {
    report =
        failed("CommandFormatError", kMalformedCommand, kMdmErrors, "The command has no UUID or no content.");
  } else {
    report = execute(*command, *uuid, now);
  }
  report.set("CommandUUID", uuid == nullptr ? std::string() : *uuid);
  report.set("UDID", identity_.udid);
  if (active_ != nullptr) {
    report.set("UserID", active_->id);
    report.set("UserShortName", active_->short_name);
  }
  active_ = nullptr;
  const bool lost = random_.chance(options_.behaviour.lost_answer_probability);
  if (lost) return std::nullopt;
  return report;
}

plist::Dict Device::execute(const plist::Dict& command, const std::string& uuid, Time now) {
  const auto* type = command.string("RequestType");
  const auto name = type == nullptr ? std::string() : *type;
  const auto& apple = schema::Schema::apple();
  const auto* known = apple.command(name);
  const auto answer = answers().find(name);
  const bool offered = known != nullptr && schema::available_to(known->supports, target());
  if (type != nullptr && (!offered || answer == answers().end())) {
    ++executions_[uuid];
    return failed("Error", kUnknownCommand, kMdmErrors, "Unknown command: " + name + " <MDMClientError:91>");
  }
  auto problems = apple.check_request(command);
  std::erase_if(problems, ignored_by_devices);
  if (!problems.empty()) {
    ++executions_[uuid];
    return failed("CommandFormatError", kMalformedCommand, kMdmErrors,
                  "The command is malformed: " + schema::to_string(problems));
  }
  if (locked(now) && std::ranges::find(kNeedsUnlock, name) != kNeedsUnlock.end())
    return {{"Status", "NotNow"}};
  ++executions_[uuid];
  return (this->*answer->second)(command, uuid, now);
}

bool Device::user_removes_profile(std::string_view identifier) {
  const auto* profile = store_.find(identifier);
  return profile != nullptr && !profile->removal_disallowed && store_.remove(identifier);
}

Result<> Device::user_installs_profile(std::string_view bytes) {
  auto profile = read_profile(bytes);
  if (!profile) return std::unexpected(profile.error());
  profile->managed = false;
  store_.install(std::move(*profile));
  return {};
}

void Device::update_os(std::string version, std::string build) {
  identity_.os_version = std::move(version);
  identity_.build_version = std::move(build);
}

User& Device::add_user(const std::string& short_name) {
  User user{.id = random_uuid(random_),
            .short_name = short_name,
            .push_token = bytes_from(random_, 32),
            .push_magic = random_uuid(random_)};
  return users_.insert_or_assign(short_name, std::move(user)).first->second;
}

void Device::remove_user(std::string_view short_name) {
  const auto found = users_.find(short_name);
  if (found != users_.end()) users_.erase(found);
}

User* Device::user(std::string_view short_name) {
  const auto found = users_.find(short_name);
  return found == users_.end() ? nullptr : &found->second;
}

void Device::wipe() {
  store_.clear();
  users_.clear();
  enrolled_ = false;
  awaiting_configuration_ = options_.awaiting_configuration;
  new_push_details();
}

void Device::unenroll() {
  store_.remove_managed();
  for (auto& [name, user] : users_) user.store.remove_managed();
  enrolled_ = false;
}

void Device::renew_push_token() { push_token_ = bytes_from(random_, 32); }

}  // namespace mooring::simulator
