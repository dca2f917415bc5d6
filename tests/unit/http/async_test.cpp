// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <thread>

#include "base/async.hpp"

namespace mooring {
namespace {

TEST(Suspend, ResumesOnItsOwnThreadWithAValueFromAnother) {
  boost::asio::io_context io(1);
  std::thread::id resumed_on;
  std::string got;
  std::thread worker;
  const auto run = [&]() -> Task<void> {
    got = co_await suspend<std::string>([&worker](Completion<std::string> done) {
      worker = std::thread([done = std::move(done)]() mutable { done("from another thread"); });
    });
    resumed_on = std::this_thread::get_id();
  };
  boost::asio::co_spawn(io, run, boost::asio::detached);
  io.run();
  worker.join();
  EXPECT_EQ(got, "from another thread");
  EXPECT_EQ(resumed_on, std::this_thread::get_id());
}

TEST(Suspend, KeepsTheLoopAliveUntilItIsCompleted) {
  boost::asio::io_context io(1);
  Completion<int> later;
  int got = 0;
  const auto run = [&]() -> Task<void> {
    got = co_await suspend<int>([&later](Completion<int> done) { later = std::move(done); });
  };
  boost::asio::co_spawn(io, run, boost::asio::detached);
  io.poll();
  EXPECT_FALSE(io.stopped());
  later(7);
  io.run();
  EXPECT_EQ(got, 7);
}

TEST(Suspend, ADroppedCompletionDropsTheCoroutine) {
  boost::asio::io_context io(1);
  const auto token = std::make_shared<int>(0);
  const auto run = [held = token]() -> Task<void> {
    const auto kept = held;
    co_await suspend<int>([](Completion<int>) {});
    ADD_FAILURE() << "resumed";
  };
  boost::asio::co_spawn(io, run(), boost::asio::detached);
  io.run();
  EXPECT_TRUE(io.stopped());
}

}  // namespace
}  // namespace mooring
