// SPDX-License-Identifier: Apache-2.0
#include "core/outbox/webhook_url.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>

#include <fmt/format.h>

namespace mooring::core {
namespace {

std::unexpected<Error> bad_webhook_url(std::string_view why) {
  return fail(Failure::invalid, "webhook.bad_url",
              fmt::format("the URL {}: write https://host[:port]/path", why));
}

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port != 0;
}

}  // namespace

Result<WebhookUrl> parse_webhook_url(std::string_view text) {
  const auto parsed = boost::urls::parse_uri(boost::core::string_view(text.data(), text.size()));
  if (!parsed) return bad_webhook_url("is malformed");
  const boost::urls::url_view& url = *parsed;
  const bool secure = url.scheme_id() == boost::urls::scheme::https;
  if (!secure && url.scheme_id() != boost::urls::scheme::http)
    return bad_webhook_url("is neither http nor https");
  if (url.has_userinfo()) return bad_webhook_url("has a user name or password, which belong into a header");
  if (url.has_fragment()) return bad_webhook_url("has a fragment");
  if (url.encoded_host().empty()) return bad_webhook_url("names no host");
  if (url.has_port() && !is_port({url.port().data(), url.port().size()})) {
    return bad_webhook_url("has no valid port");
  }
  const std::string_view port = url.has_port() ? std::string_view(url.port().data(), url.port().size())
                                               : std::string_view(secure ? "443" : "80");
  const auto host = url.encoded_host();
  const auto target = url.encoded_target();
  return WebhookUrl{.base = fmt::format("{}://{}:{}", secure ? "https" : "http",
                                        std::string_view(host.data(), host.size()), port),
                    .target = target.empty() ? "/" : std::string(target.data(), target.size())};
}

}  // namespace mooring::core
