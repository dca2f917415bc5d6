// SPDX-License-Identifier: Apache-2.0
// The smallest MDM server that simulated devices can live against: each device's queue is offered in order
// until it is answered with anything but NotNow.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/http/message.hpp"
#include "base/plist/plist.hpp"
#include "simulator/session.hpp"

namespace mooring::simulator::test {

class MiniMdm {
 public:
  void enqueue(const std::string& udid, plist::Dict command) {
    const std::lock_guard lock(mutex_);
    queues_[udid].push_back(std::move(command));
  }
  void answer_with(int status, std::string body = {}) {
    const std::lock_guard lock(mutex_);
    status_ = status;
    status_body_ = std::move(body);
  }

  http::Response handle(const http::Request& request) {
    const std::lock_guard lock(mutex_);
    if (status_ != 200) return http::Response::text(status_, status_body_);
    const auto message = plist::parse_dict(request.body);
    if (request.method != "PUT" || !message || message->string("UDID") == nullptr) {
      return http::Response::text(400, "not a message");
    }
    const auto& udid = *message->string("UDID");
    const bool check_in = request.headers.get("Content-Type").find("mdm-checkin") != std::string_view::npos;
    if (check_in != (message->string("MessageType") != nullptr))
      return http::Response::text(400, "wrong type");
    if (check_in) {
      check_ins_[udid].push_back(*message);
      return {};
    }
    return next(udid, *message);
  }

  std::vector<plist::Dict> check_ins(const std::string& udid) {
    const std::lock_guard lock(mutex_);
    return check_ins_[udid];
  }
  std::vector<plist::Dict> reports(const std::string& udid) {
    const std::lock_guard lock(mutex_);
    return reports_[udid];
  }

 private:
  http::Response next(const std::string& udid, const plist::Dict& report) {
    auto& queue = queues_[udid];
    const bool not_now = *report.string("Status") == "NotNow";
    if (const auto* uuid = report.string("CommandUUID")) {
      reports_[udid].push_back(report);
      if (!not_now) std::erase_if(queue, [&](const auto& c) { return *c.string("CommandUUID") == *uuid; });
    }
    if (queue.empty() || not_now) return {};
    return http::Response::text(200, plist::to_xml(queue.front()), "application/xml");
  }

  std::mutex mutex_;
  int status_ = 200;
  std::string status_body_;
  std::map<std::string, std::deque<plist::Dict>> queues_;
  std::map<std::string, std::vector<plist::Dict>> check_ins_;
  std::map<std::string, std::vector<plist::Dict>> reports_;
};

/// Reaches the server without a network.
struct DirectTransport final : Transport {
  explicit DirectTransport(MiniMdm& to) : server(to) {}
  Task<Result<http::Response>> put(std::string path, std::string content_type, std::string body) override {
    http::Request request;
    request.method = "PUT";
    request.target = std::move(path);
    request.headers.set("Content-Type", std::move(content_type));
    request.body = std::move(body);
    ++requests;
    co_return server.handle(request);
  }
  void drop() override { ++drops; }

  MiniMdm& server;
  int requests = 0;
  int drops = 0;
};

/// Runs a coroutine to its end on a context of its own.
template <class T>
T run(Task<T> task) {
  boost::asio::io_context io;
  auto result = boost::asio::co_spawn(io, std::move(task), boost::asio::use_future);
  io.run();
  return result.get();
}

/// An io thread for as long as the object lives.
class IoThread {
 public:
  IoThread() : work_(boost::asio::make_work_guard(io_)), thread_([this] { io_.run(); }) {}
  ~IoThread() {
    work_.reset();
    io_.stop();
    thread_.join();
  }
  boost::asio::any_io_executor executor() { return io_.get_executor(); }
  template <class T>
  T wait(Task<T> task) {
    return boost::asio::co_spawn(io_, std::move(task), boost::asio::use_future).get();
  }

 private:
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

inline bool eventually(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < end) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return holds();
}

}  // namespace mooring::simulator::test
