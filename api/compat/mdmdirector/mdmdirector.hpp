// SPDX-License-Identifier: Apache-2.0
// What MDMDirector's API tells of devices, below /mdmdirector, for programs written for it: their base URL
// becomes http://host:port/mdmdirector. Read-only; docs/inventory.md says where it differs.
#pragma once

#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "base/http/server.hpp"
#include "base/log.hpp"
#include "base/postgres/pool.hpp"

namespace mooring::api::mdmdirector {

struct MdmDirectorDependencies {
  pg::Pool& pool;
  const Clock& clock;
  Logger& log;
};

/// Must outlive every server that has its routes.
class MdmDirector {
 public:
  explicit MdmDirector(MdmDirectorDependencies dependencies);
  ~MdmDirector();
  MdmDirector(const MdmDirector&) = delete;
  MdmDirector& operator=(const MdmDirector&) = delete;

  std::vector<http::Route> routes();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mooring::api::mdmdirector
