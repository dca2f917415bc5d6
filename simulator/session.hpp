// SPDX-License-Identifier: Apache-2.0
// The conversation of one simulated device with a server: enrolling, and connections that drain its queue.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/http/client.hpp"
#include "base/plist/value.hpp"
#include "base/result.hpp"
#include "simulator/device.hpp"

namespace mooring::simulator {

/// How messages reach the server.
struct Transport {
  virtual ~Transport() = default;
  virtual Task<Result<http::Response>> put(std::string path, std::string content_type, std::string body) = 0;
  /// The connection breaks.
  virtual void drop() {}
};

/// Adds what identifies a device (a certificate header, a signature) to a request before it leaves.
using Decorate = std::function<void(http::Request&)>;

class HttpTransport final : public Transport {
 public:
  HttpTransport(boost::asio::any_io_executor executor, std::string base_url, Decorate decorate = {},
                http::ClientOptions options = {});
  Task<Result<http::Response>> put(std::string path, std::string content_type, std::string body) override;
  void drop() override { client_.close(); }

 private:
  http::Client client_;
  Decorate decorate_;
};

enum class Direction : std::uint8_t { to_server, to_device };
/// Sees every property list in the order of the conversation.
using Observer = std::function<void(Direction, const plist::Dict&)>;

struct SessionOptions {
  std::string path = "/mdm";
  std::string check_in_path;  ///< Where check-ins go; empty: `path`.
  std::string user;           ///< On whose channel; empty: the device's own.
  Observer observer;
  std::size_t max_commands = 10000;  ///< Beyond, the server is taken to be in a loop: session.endless.
};

struct SessionOutcome {
  std::size_t commands = 0;  ///< Answered, or executed with the answer lost.
  std::size_t acknowledged = 0;
  std::size_t errors = 0;  ///< Error and CommandFormatError.
  std::size_t not_now = 0;
  std::size_t installs = 0;  ///< InstallProfile acknowledged.
  std::size_t duplicates = 0;
  bool lost = false;  ///< Ended because an answer was lost.

  SessionOutcome& operator+=(const SessionOutcome& other);
};

/// Errors of all calls: what the transport says; server.refused where the status is not 200. A server that
/// says 401, or 403 with com.apple.unrecognized.device, makes the device remove its enrollment, as real ones
/// do.
class Session {
 public:
  /// All references must outlive the session.
  Session(Device& device, Transport& transport, const Clock& clock, SessionOptions options = {});

  Task<Result<>> enroll();        ///< Authenticate, TokenUpdate; of a user TokenUpdate alone.
  Task<Result<>> update_token();  ///< TokenUpdate alone.
  Task<Result<>> check_out();     ///< CheckOut; the device is no longer enrolled, whatever the server says.
  /// Idle, then each command that the server offers until it offers none.
  Task<Result<SessionOutcome>> run();
  bool turned_away() const { return turned_away_; }  ///< The server ended the enrollment.

 private:
  Task<Result<std::string>> send(plist::Dict message, bool check_in);
  Task<Result<>> check_in(plist::Dict message);
  Result<> judge(const http::Response& response);
  void count(const plist::Dict& command, const plist::Dict& report, SessionOutcome& outcome) const;

  Device& device_;
  Transport& transport_;
  const Clock& clock_;
  SessionOptions options_;
  bool turned_away_ = false;
};

}  // namespace mooring::simulator
