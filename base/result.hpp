// SPDX-License-Identifier: Apache-2.0
// How a failure travels between rooms: a value, never an exception. Exceptions stop where a library throws.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace mooring {

/// What kind of failure it is; decides the HTTP status (api, core) and whether to try again (reconciler).
enum class Failure : std::uint8_t {
  invalid,       ///< The input is wrong; the same input fails again.
  not_found,     ///< What was named does not exist.
  conflict,      ///< Correct in itself, but against the present state.
  too_large,     ///< Beyond a limit; the message names the limit.
  unsupported,   ///< Understood, but not offered (method, media type, message type).
  unauthorized,  ///< Who asks is not known.
  forbidden,     ///< Who asks is known and may not.
  busy,          ///< A bounded queue is full: try again soon.
  unavailable,   ///< A part we depend on does not answer: try again later.
  timeout,       ///< It took too long.
  internal,      ///< A bug or a broken installation.
};

struct Error {
  Failure failure = Failure::internal;
  std::string code;     ///< Stable and lower case with dots, e.g. "profile.malformed"; part of the API.
  std::string message;  ///< One sentence: what is wrong, where, and what to do.

  bool operator==(const Error&) const = default;
};

template <class T = void>
using Result = std::expected<T, Error>;

/// Shorthand for returning a failure: `return fail(Failure::invalid, "plist.depth", "...")`.
inline std::unexpected<Error> fail(Failure failure, std::string code, std::string message) {
  return std::unexpected(Error{failure, std::move(code), std::move(message)});
}

}  // namespace mooring
