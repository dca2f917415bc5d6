// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/crypto_pool.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <latch>
#include <stdexcept>
#include <thread>

#include "base/crypto/detail/openssl.hpp"
#include "tests/support/pki.hpp"

namespace mooring::crypto::test {
namespace {

using mooring::test::make_authority;
using mooring::test::make_holder;

template <class T>
Task<> run_into(CryptoPool* pool, std::function<Result<T>()> job, std::vector<Result<T>>* out) {
  out->push_back(co_await pool->run<T>(std::move(job)));
}

TEST(CryptoPoolTest, RunsOnThreadsWithContextsOfTheirOwn) {
  boost::asio::io_context io;
  CryptoPool pool(2);
  std::vector<Result<bool>> out;
  const auto here = std::this_thread::get_id();
  for (int i = 0; i < 2; ++i) {
    boost::asio::co_spawn(io,
                          run_into<bool>(
                              &pool,
                              [here]() -> Result<bool> {
                                return detail::context() != nullptr && std::this_thread::get_id() != here;
                              },
                              &out),
                          boost::asio::detached);
  }
  io.run();
  EXPECT_EQ(out, (std::vector<Result<bool>>{true, true}));
  EXPECT_EQ(detail::context(), nullptr);
}

// What is made on one thread must be good on all, and outlive the threads.
TEST(CryptoPoolTest, KeysAndCertificatesGoBetweenThreads) {
  boost::asio::io_context io;
  const auto authority = make_authority();
  const auto holder = make_holder("device", &authority, {.key = KeyType::rsa_2048});
  std::vector<Result<std::string>> out;
  {
    CryptoPool pool(2);
    for (int i = 0; i < 40; ++i) {
      boost::asio::co_spawn(
          io,
          run_into<std::string>(
              &pool,
              [&, i]() -> Result<std::string> {
                const auto made = make_holder("made there", &authority);
                auto der = sign_detached("content", i % 2 == 0 ? made.signer() : holder.signer());
                const auto proven = verify_detached(*der, "content");
                if (!proven) return std::unexpected(proven.error());
                const std::vector<std::string> roots{authority.certificate.der};
                const auto chain = check_chain(
                    proven->signer, {.roots = roots, .intermediates = {}, .at = mooring::test::kPkiNow});
                if (!chain) return std::unexpected(chain.error());
                return der;
              },
              &out),
          boost::asio::detached);
    }
    io.run();
  }
  ASSERT_EQ(out.size(), 40U);
  for (const auto& der : out) {
    ASSERT_TRUE(der) << der.error().message;
    EXPECT_TRUE(verify_detached(*der, "content"));
  }
}

TEST(CryptoPoolTest, AFullQueueIsBusyAndAnExceptionIsAnError) {
  boost::asio::io_context io;
  CryptoPool pool(1, 1);
  std::latch started(1);
  std::latch go_on(1);
  std::vector<Result<int>> out;
  boost::asio::co_spawn(io,
                        run_into<int>(
                            &pool,
                            [&]() -> Result<int> {
                              started.count_down();
                              go_on.wait();
                              return 1;
                            },
                            &out),
                        boost::asio::detached);
  io.poll();
  started.wait();
  boost::asio::co_spawn(io,
                        run_into<int>(
                            &pool, []() -> Result<int> { throw std::runtime_error("odd"); }, &out),
                        boost::asio::detached);
  boost::asio::co_spawn(io,
                        run_into<int>(&pool, []() -> Result<int> { return 3; }, &out), boost::asio::detached);
  io.poll();
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].error().code, "crypto.busy");
  go_on.count_down();
  io.run();
  ASSERT_EQ(out.size(), 3U);
  EXPECT_EQ(out[1], 1);
  EXPECT_EQ(out[2].error().code, "crypto.internal");
}

}  // namespace
}  // namespace mooring::crypto::test
