// SPDX-License-Identifier: Apache-2.0
#include "simulator/session.hpp"

#include "base/plist/plist.hpp"

namespace mooring::simulator {
namespace {

constexpr const char* kCheckInType = "application/x-apple-aspen-mdm-checkin";
constexpr const char* kReportType = "application/x-apple-aspen-mdm; charset=UTF-8";

/// "" where the key is absent.
std::string text_in(const plist::Dict& dict, std::string_view key) {
  const auto* text = dict.string(key);
  return text == nullptr ? std::string() : *text;
}

bool removes_enrollment(const http::Response& response) {
  return response.status == 401 ||
         (response.status == 403 && response.body.find("com.apple.unrecognized.device") != std::string::npos);
}

}  // namespace

HttpTransport::HttpTransport(boost::asio::any_io_executor executor, std::string base_url, Decorate decorate,
                             http::ClientOptions options)
    : client_(std::move(executor), std::move(base_url), std::move(options)), decorate_(std::move(decorate)) {}

Task<Result<http::Response>> HttpTransport::put(std::string path, std::string content_type,
                                                std::string body) {
  http::Request request;
  request.method = "PUT";
  request.target = std::move(path);
  request.headers.set("Content-Type", std::move(content_type));
  request.body = std::move(body);
  if (decorate_) decorate_(request);
  co_return co_await client_.send(std::move(request));
}

SessionOutcome& SessionOutcome::operator+=(const SessionOutcome& other) {
  commands += other.commands;
  acknowledged += other.acknowledged;
  errors += other.errors;
  not_now += other.not_now;
  installs += other.installs;
  duplicates += other.duplicates;
  lost = lost || other.lost;
  return *this;
}

Session::Session(Device& device, Transport& transport, const Clock& clock, SessionOptions options)
    : device_(device), transport_(transport), clock_(clock), options_(std::move(options)) {}

Result<> Session::judge(const http::Response& response) {
  if (response.status == 200) return {};
  if (removes_enrollment(response)) {
    turned_away_ = true;
    device_.unenroll();
  }
  const auto failure = response.status >= 500 ? Failure::unavailable : Failure::invalid;
  return fail(failure, "server.refused",
              "The server answered " + std::to_string(response.status) + ": " + response.body.substr(0, 200));
}

/// The body of the answer; empty where the server has nothing to say.
Task<Result<std::string>> Session::send(plist::Dict message, bool check_in) {
  if (options_.observer) options_.observer(Direction::to_server, message);
  auto body = plist::to_xml(plist::Value(std::move(message)));
  const bool apart = check_in && !options_.check_in_path.empty();
  auto response = co_await transport_.put(apart ? options_.check_in_path : options_.path,
                                          check_in ? kCheckInType : kReportType, std::move(body));
  if (!response) co_return std::unexpected(std::move(response.error()));
  if (auto good = judge(*response); !good) co_return std::unexpected(std::move(good.error()));
  co_return std::move(response->body);
}

Task<Result<>> Session::check_in(plist::Dict message) {
  auto reply = co_await send(std::move(message), true);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  co_return Result<>();
}

Task<Result<>> Session::enroll() {
  if (!options_.user.empty()) co_return co_await update_token();
  auto authenticated = co_await check_in(device_.authenticate());
  if (!authenticated) co_return authenticated;
  auto updated = co_await check_in(device_.token_update());
  if (updated) device_.set_enrolled(true);
  co_return updated;
}

Task<Result<>> Session::update_token() {
  co_return co_await check_in(options_.user.empty() ? device_.token_update()
                                                    : device_.token_update(options_.user));
}

Task<Result<>> Session::check_out() {
  auto message = device_.check_out();
  device_.unenroll();
  co_return co_await check_in(std::move(message));
}

void Session::count(const plist::Dict& command, const plist::Dict& report, SessionOutcome& outcome) const {
  const auto status = text_in(report, "Status");
  if (status == "NotNow") ++outcome.not_now;
  if (status == "Error" || status == "CommandFormatError") ++outcome.errors;
  if (status != "Acknowledged") return;
  ++outcome.acknowledged;
  const auto* inner = command.dict("Command");
  if (inner != nullptr && text_in(*inner, "RequestType") == "InstallProfile") ++outcome.installs;
}

Task<Result<SessionOutcome>> Session::run() {
  SessionOutcome outcome;
  auto reply = co_await send(
      options_.user.empty() ? device_.idle_report() : device_.idle_report(options_.user), false);
  while (reply && !reply->empty()) {
    if (++outcome.commands > options_.max_commands) {
      co_return fail(Failure::internal, "session.endless", "The server does not stop sending commands.");
    }
    const auto command = plist::parse_dict(*reply);
    if (!command) co_return std::unexpected(command.error());
    if (options_.observer) options_.observer(Direction::to_device, *command);
    const auto report = device_.respond(*command, clock_.now(), options_.user);
    if (!report) {
      outcome.lost = true;
      transport_.drop();
      break;
    }
    count(*command, *report, outcome);
    reply = co_await send(*report, false);
    if (reply && device_.repeats_report()) {
      // The device did not see the answer and says the same again; it follows the second answer.
      ++outcome.duplicates;
      reply = co_await send(*report, false);
    }
    if (!device_.enrolled()) break;  // It was erased: whatever was offered, nobody is there any more.
  }
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  co_return outcome;
}

}  // namespace mooring::simulator
