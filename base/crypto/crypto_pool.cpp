// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/crypto_pool.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "base/crypto/detail/openssl.hpp"

namespace mooring::crypto {

struct CryptoPool::Impl {
  explicit Impl(std::size_t most) : max_waiting(most) {}

  void work() {
    const detail::ThreadContext context;
    while (true) {
      std::function<void()> job;
      {
        std::unique_lock lock(mutex);
        wake.wait(lock, [this] { return stopping || !jobs.empty(); });
        if (jobs.empty()) return;
        job = std::move(jobs.front());
        jobs.pop_front();
      }
      job();
    }
  }

  const std::size_t max_waiting;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> jobs;
  bool stopping = false;
  std::vector<std::thread> threads;
};

CryptoPool::CryptoPool(std::size_t threads, std::size_t max_waiting)
    : impl_(std::make_unique<Impl>(max_waiting)) {
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  for (std::size_t i = 0; i < threads; ++i) {
    impl_->threads.emplace_back([impl = impl_.get()] { impl->work(); });
  }
}

/// What waits is still done: somebody may wait for it.
CryptoPool::~CryptoPool() {
  {
    const std::scoped_lock lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake.notify_all();
  for (auto& thread : impl_->threads) thread.join();
}

bool CryptoPool::post(std::function<void()> job) {
  {
    const std::scoped_lock lock(impl_->mutex);
    if (impl_->jobs.size() >= impl_->max_waiting || impl_->stopping) return false;
    impl_->jobs.push_back(std::move(job));
  }
  impl_->wake.notify_one();
  return true;
}

}  // namespace mooring::crypto
