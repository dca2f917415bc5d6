// SPDX-License-Identifier: Apache-2.0
#include "base/async.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <thread>

namespace mooring {
namespace {

/// What a suspended coroutine saw when it went on.
struct Seen {
  std::string value;
  std::thread::id thread;
};

Task<void> wait_for_thread(std::thread* worker, Seen* seen) {
  const auto start = [worker](Completion<std::string> done) {
    *worker = std::thread([done = std::move(done)]() mutable { done("from another thread"); });
  };
  seen->value = co_await suspend<std::string>(start);
  seen->thread = std::this_thread::get_id();
}

Task<void> wait_for_int(Completion<int>* handed_out, int* got) {
  const auto start = [handed_out](Completion<int> done) { *handed_out = std::move(done); };
  *got = co_await suspend<int>(start);
}

/// `held` lives as long as the coroutine.
Task<void> wait_for_nothing(std::shared_ptr<int> held) {
  const auto drop = [](const Completion<int>&) {};
  *held = co_await suspend<int>(drop);
  ADD_FAILURE() << "resumed";
}

TEST(Suspend, ResumesOnItsOwnThreadWithAValueFromAnother) {
  boost::asio::io_context io(1);
  Seen seen;
  std::thread worker;
  boost::asio::co_spawn(io, wait_for_thread(&worker, &seen), boost::asio::detached);
  io.run();
  worker.join();
  EXPECT_EQ(seen.value, "from another thread");
  EXPECT_EQ(seen.thread, std::this_thread::get_id());
}

TEST(Suspend, KeepsTheLoopRunningUntilItIsCompletedAndNoLonger) {
  boost::asio::io_context io(1);
  Completion<int> kept;
  int got = 0;
  boost::asio::co_spawn(io, wait_for_int(&kept, &got), boost::asio::detached);
  io.poll();
  EXPECT_FALSE(io.stopped());
  kept(7);
  io.run();
  EXPECT_EQ(got, 7);
}

TEST(Suspend, ADroppedCompletionDropsTheCoroutine) {
  boost::asio::io_context io(1);
  const auto token = std::make_shared<int>(0);
  boost::asio::co_spawn(io, wait_for_nothing(token), boost::asio::detached);
  io.run();
  EXPECT_EQ(token.use_count(), 1);
}

}  // namespace
}  // namespace mooring
