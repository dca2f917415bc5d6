// SPDX-License-Identifier: Apache-2.0
// The one bridge between coroutines on the io thread and work done on other threads.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <utility>

namespace mooring {

template <class T = void>
using Task = boost::asio::awaitable<T>;

/// Resumes a suspended coroutine, once, from any thread; the coroutine goes on where it was suspended.
template <class T>
using Completion = std::move_only_function<void(T)>;

/// Suspends the calling coroutine and hands `start` the Completion that wakes it:
///   `T value = co_await suspend<T>([&](Completion<T> done) { pool.post(..., std::move(done)); });`
/// A Completion that is destroyed without being called drops the coroutine (only right at shutdown).
template <class T, class Start>
Task<T> suspend(Start start) {
  auto initiate = [start = std::move(start)](auto handler) mutable {
    auto executor = boost::asio::get_associated_executor(handler);
    auto work = boost::asio::make_work_guard(executor);
    start(Completion<T>([handler = std::move(handler), executor, work = std::move(work)](T value) mutable {
      boost::asio::post(executor, [handler = std::move(handler), value = std::move(value)]() mutable {
        std::move(handler)(std::move(value));
      });
      work.reset();  // A used Completion that someone keeps must not keep the event loop running.
    }));
  };
  return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(T)>(
      std::move(initiate), boost::asio::use_awaitable);
}

}  // namespace mooring
