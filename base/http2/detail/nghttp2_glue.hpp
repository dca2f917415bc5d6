// SPDX-License-Identifier: Apache-2.0
// What client and server need of nghttp2 alike. For their sources only.
#pragma once

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

namespace mooring::http2::detail {

using CallbacksPtr = std::unique_ptr<nghttp2_session_callbacks, decltype(&nghttp2_session_callbacks_del)>;

inline CallbacksPtr make_callbacks() {
  nghttp2_session_callbacks* made = nullptr;
  nghttp2_session_callbacks_new(&made);
  return {made, &nghttp2_session_callbacks_del};
}

/// The value must live until the frame is sent; the name is copied, because nghttp2 then makes it lower case.
inline nghttp2_nv field(std::string_view name, std::string_view value,
                        std::uint8_t flags = NGHTTP2_NV_FLAG_NONE) {
  auto* name_bytes = reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data()));
  auto* value_bytes = reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data()));
  return {name_bytes, value_bytes, name.size(), value.size(),
          static_cast<std::uint8_t>(flags | NGHTTP2_NV_FLAG_NO_COPY_VALUE)};
}

inline std::string_view view(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

/// Up to `limit` bytes that wait to be sent, appended; false where the session is broken.
inline bool take_output(nghttp2_session* session, std::string& out, std::size_t limit) {
  while (out.size() < limit) {
    const std::uint8_t* bytes = nullptr;
    const auto count = nghttp2_session_mem_send(session, &bytes);
    if (count < 0) return false;
    if (count == 0) return true;
    out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
  }
  return true;
}

/// The next piece of a body for nghttp2_data_source_read_callback.
inline ssize_t copy_body(std::string_view body, std::size_t& sent, std::uint8_t* to, std::size_t room,
                         std::uint32_t* flags) {
  const auto count = std::min(room, body.size() - sent);
  std::copy_n(body.data() + sent, count, reinterpret_cast<char*>(to));
  sent += count;
  if (sent == body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(count);
}

}  // namespace mooring::http2::detail
