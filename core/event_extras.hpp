// SPDX-License-Identifier: Apache-2.0
// What an event keeps of the message it came from.
#pragma once

#include <optional>
#include <string>

#include "base/postgres/wire.hpp"
#include "core/event.hpp"
#include "core/event_interest.hpp"
#include "core/message_context.hpp"

namespace mooring::core {

struct EventExtras {
  std::optional<std::string> url_params;  ///< JSON.
  std::optional<std::string> body;        ///< Sealed.

  EventExtras() = default;
  EventExtras(const EventInterest& interest, EventKind kind, const MessageContext& context)
      : url_params(context.url_params.empty() ? std::nullopt : std::optional(context.url_params)),
        body(interest.sealed_body(kind, context.body)) {}

  // As parameters of a statement; they point into this.
  std::optional<pg::Json> params_value() const {
    return url_params ? std::optional(pg::Json{*url_params}) : std::nullopt;
  }
  std::optional<pg::Bytes> body_value() const {
    return body ? std::optional(pg::Bytes{*body}) : std::nullopt;
  }
};

}  // namespace mooring::core
