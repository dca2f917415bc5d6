// SPDX-License-Identifier: Apache-2.0
// What APNs holds a request against. Pure.
#pragma once

#include <string>
#include <variant>

#include "base/http/message.hpp"
#include "simulator/push_gateway.hpp"

namespace mooring::simulator {

struct PushRejection {
  int status = 400;
  const char* reason = "";
};

/// `certificate_topic`: UID of the client certificate's subject.
std::variant<Push, PushRejection> read_push(const http::Request& request,
                                            const std::string& certificate_topic);

}  // namespace mooring::simulator
