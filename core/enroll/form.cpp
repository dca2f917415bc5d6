// SPDX-License-Identifier: Apache-2.0
#include "core/enroll/detail/form.hpp"

#include <algorithm>

#include "base/encoding.hpp"

namespace mooring::core::enroll::detail {
namespace {

constexpr std::string_view kStyle =
    "body{font:17px -apple-system,system-ui,sans-serif;max-width:22em;margin:3em auto;padding:0 1em}"
    "label,input,button{display:block;width:100%;box-sizing:border-box;font:inherit;margin:.4em 0}"
    "input,button{padding:.6em;border-radius:.5em;border:1px solid #999}"
    "button{background:#06c;color:#fff;border:0;margin-top:1.2em}.wrong{color:#b00}";

}  // namespace

std::string sign_in_html(const Settings& settings, std::string_view user, std::string_view message) {
  const auto& title = settings.organization.empty() ? settings.display_name : settings.organization;
  std::string html = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">";
  html +=
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Sign in</title><style>";
  html += kStyle;
  html += "</style></head><body><h1>" + escape_markup(title) + "</h1><p>Sign in to enroll this device.</p>";
  if (!message.empty()) html += "<p class=\"wrong\" role=\"alert\">" + escape_markup(message) + "</p>";
  html += "<form method=\"post\"><label for=\"username\">Name</label>";
  html +=
      "<input id=\"username\" name=\"username\" autocomplete=\"username\" autocapitalize=\"none\" required "
      "value=\"";
  html += escape_markup(user);
  html +=
      "\"><label for=\"password\">Password</label><input id=\"password\" name=\"password\" "
      "type=\"password\" ";
  html += "autocomplete=\"current-password\" required><button>Sign in</button></form></body></html>\n";
  return html;
}

std::optional<std::string> form_field(std::string_view body, std::string_view name) {
  while (!body.empty()) {
    const auto end = std::min(body.find('&'), body.size());
    const auto part = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    const auto equals = part.find('=');
    if (equals == std::string_view::npos || part.substr(0, equals) != name) continue;
    return percent_decode(part.substr(equals + 1), true);
  }
  return std::nullopt;
}

}  // namespace mooring::core::enroll::detail
