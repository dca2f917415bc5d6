// SPDX-License-Identifier: Apache-2.0
// nghttpd (Debian's nghttp2-server) with mutual TLS: an HTTP/2 peer that others wrote. It answers every POST
// with 200 and what it was sent.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "simulator/push_authority.hpp"

namespace mooring::test {

class Nghttpd {
 public:
  /// `arguments`: further ones, e.g. "-m" "1".
  Nghttpd(const simulator::PushAuthority& authority, std::filesystem::path directory,
          std::vector<std::string> arguments = {});
  ~Nghttpd();
  Nghttpd(const Nghttpd&) = delete;
  Nghttpd& operator=(const Nghttpd&) = delete;

  static bool is_installed();
  /// Started on the same port again after stop(). Returns when it listens; false where it never did.
  bool start();
  void stop();
  std::string url() const { return "https://127.0.0.1:" + std::to_string(port_); }
  std::uint16_t port() const { return port_; }
  pid_t pid() const { return pid_; }

 private:
  std::filesystem::path directory_;
  std::vector<std::string> arguments_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace mooring::test
