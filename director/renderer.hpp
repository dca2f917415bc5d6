// SPDX-License-Identifier: Apache-2.0
// Makes commands for the device that fetches them: variables are filled in, what is sealed is opened.
#pragma once

#include <cstdint>

#include "base/crypto/secret_box.hpp"
#include "base/postgres/pool.hpp"
#include "core/payload_renderer.hpp"

namespace mooring::director {

/// Of payloads with Rendering::sealed: what `body` is stored as.
std::string seal_payload(const crypto::SecretBox& box, std::string_view body);

class Renderer final : public core::PayloadRenderer {
 public:
  /// References must outlive it.
  Renderer(pg::Pool& pool, const crypto::SecretBox& secrets) : pool_(pool), secrets_(secrets) {}

  /// Errors, all Failure::invalid: render.missing_value, secret.damaged, render.malformed.
  Task<Result<core::SharedPayload>> render(std::int64_t enrollment, std::int32_t payload,
                                           core::SharedPayload stored) override;

 private:
  Task<Result<core::SharedPayload>> fill_in_for(std::int64_t enrollment, core::SharedPayload stored);

  pg::Pool& pool_;
  const crypto::SecretBox& secrets_;
};

}  // namespace mooring::director
