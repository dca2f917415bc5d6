// SPDX-License-Identifier: Apache-2.0
// What an endpoint is: a plain function on a database thread. api.cpp does the rest: token, transaction,
// problem documents, and what follows a commit.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/crypto/cms.hpp"
#include "base/crypto/secret_box.hpp"
#include "base/http/message.hpp"
#include "base/postgres/connection.hpp"
#include "base/result.hpp"

namespace mooring::core::enroll {
class Profiles;
}
namespace mooring::reconciler {
struct PassContext;
}

namespace mooring::api {
struct RemovalGuard;
}

namespace mooring::api::detail {

struct Call {
  pg::Connection& db;
  const http::Request& request;
  Time now;
  const crypto::SecretBox& secrets;  ///< For what is sealed at rest.
  const core::enroll::Profiles* enrollment = nullptr;
  const std::function<std::shared_ptr<const crypto::Signer>()>* profile_signer = nullptr;
  Duration first_repush{};
  std::string_view actor;  ///< Who asks: "token:NAME".
  /// What a pass that began now would work with.
  const std::function<reconciler::PassContext()>* pass_context = nullptr;
  const RemovalGuard* guard = nullptr;  ///< nullptr: any change is taken.
};

/// Moves mooring_commands_total.
struct CommandCount {
  std::string request_type;
  const char* status = "";
  std::int64_t count = 0;
};

/// Effects happen after the commit, and only then.
struct Answer {
  http::Response response;
  bool consumers = false;          ///< Webhooks or consumers of events were changed.
  bool ring = false;               ///< Something was declared or marked: the reconciler shall look.
  std::vector<std::int64_t> push;  ///< Enrollments to wake.
  std::vector<CommandCount> counts;
  std::vector<std::string> revoked;   ///< Hashes of certificates, as bytes.
  std::vector<std::string> warnings;  ///< For the log.
  bool rolls_back = false;            ///< Nothing of what the endpoint wrote stays. Of Access::write.

  Answer() = default;
  Answer(http::Response made) : response(std::move(made)) {}  // NOLINT(google-explicit-constructor)
};

enum class Access : std::uint8_t {
  read,   ///< Each statement by itself.
  write,  ///< In one transaction, which a problem rolls back; may run again after a serialization failure.
  slow,   ///< Works before it opens a transaction of its own.
};

struct Endpoint {
  const char* method;
  const char* pattern;
  Access access;
  Result<Answer> (*handle)(Call call);
};

std::span<const Endpoint> profile_endpoints();
std::span<const Endpoint> assignment_endpoints();
std::span<const Endpoint> condition_endpoints();
std::span<const Endpoint> fact_endpoints();
std::span<const Endpoint> group_endpoints();
std::span<const Endpoint> device_endpoints();
std::span<const Endpoint> device_state_endpoints();
std::span<const Endpoint> change_plan_endpoints();
std::span<const Endpoint> command_endpoints();
std::span<const Endpoint> push_certificate_endpoints();
std::span<const Endpoint> declaration_endpoints();
std::span<const Endpoint> checkin_answer_endpoints();
std::span<const Endpoint> certificate_endpoints();
std::span<const Endpoint> device_enrollment_endpoints();
std::span<const Endpoint> enrollment_profile_endpoints();
std::span<const Endpoint> drift_endpoints();
std::span<const Endpoint> evidence_endpoints();
std::span<const Endpoint> foreign_endpoints();
std::span<const Endpoint> history_endpoints();
std::span<const Endpoint> operation_endpoints();
std::span<const Endpoint> pause_endpoints();
std::span<const Endpoint> plan_endpoints();
std::span<const Endpoint> repush_endpoints();
std::span<const Endpoint> why_endpoints();
std::span<const Endpoint> requirement_endpoints();
std::span<const Endpoint> secret_endpoints();
std::span<const Endpoint> consumer_endpoints();
std::span<const Endpoint> webhook_endpoints();
/// GET /v1/events for those who do not ask for a stream.
const Endpoint& event_list_endpoint();

}  // namespace mooring::api::detail
