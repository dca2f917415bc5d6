// SPDX-License-Identifier: Apache-2.0
#include "core/enroll/settings.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/encoding.hpp"
#include "core/enroll/detail/json_plist.hpp"
#include "core/enroll/detail/payload_rules.hpp"
#include "schema/schema.hpp"

namespace mooring::core::enroll {

using detail::invalid;
using detail::Json;

namespace {

/// Reads the keys of one object; the first problem stays.
class Reader {
 public:
  Reader(const Json& object, std::string path) : object_(object), path_(std::move(path)) {}

  /// Calls `read` with the value where the key is there.
  template <class Read>
  Reader& key(const char* name, Read read) {
    const auto found = object_.find(name);
    if (found == object_.end()) return *this;
    ++present_;
    names_.emplace_back(name);
    if (problem_) return *this;
    if (Result<> done = read(*found, at(name)); !done) problem_ = done.error();
    return *this;
  }
  Reader& text(const char* name, std::string& out) {
    return key(name, [&](const Json& json, const std::string& path) -> Result<> {
      auto value = detail::to_plist(json, nullptr, path);
      if (!value) return std::unexpected(value.error());
      auto* text = value->as<std::string>();
      if (text == nullptr) return invalid(path, "must be a text");
      out = std::move(*text);
      return {};
    });
  }
  Reader& flag(const char* name, bool& out) {
    return key(name, [&](const Json& json, const std::string& path) -> Result<> {
      if (!json.is_boolean()) return invalid(path, "must be true or false");
      out = json.get<bool>();
      return {};
    });
  }
  Reader& texts(const char* name, std::vector<std::string>& out) {
    return key(name, [&](const Json& json, const std::string& path) -> Result<> {
      if (!json.is_array()) return invalid(path, "must be a list of texts");
      for (const auto& element : json) {
        if (!element.is_string()) return invalid(path, "must be a list of texts");
        out.push_back(element.get<std::string>());
      }
      return {};
    });
  }
  Result<> done() const {
    if (problem_) return std::unexpected(*problem_);
    if (present_ == object_.size()) return {};
    for (const auto& [name, value] : object_.items()) {
      if (std::ranges::find(names_, name) == names_.end()) return invalid(at(name), "is not a known key");
    }
    return {};
  }

 private:
  std::string at(const std::string& name) const { return path_.empty() ? name : path_ + "." + name; }

  const Json& object_;
  std::string path_;
  std::size_t present_ = 0;
  std::vector<std::string> names_;
  std::optional<Error> problem_;
};

Result<> read_access(const Json& json, const std::string& path, Access& out) {
  static constexpr std::array kNames{std::pair{"closed", Access::closed}, std::pair{"open", Access::open},
                                     std::pair{"basic", Access::basic}, std::pair{"digest", Access::digest}};
  for (const auto& [name, access] : kNames) {
    if (json == name) {
      out = access;
      return {};
    }
  }
  return invalid(path, "must be one of closed, open, basic, digest");
}

Result<> read_trust(const Json& json, const std::string& path, Settings& settings) {
  if (!json.is_object()) return invalid(path, "must be an object");
  std::vector<std::string> certificates;
  const auto read = Reader(json, path)
                        .flag("automatic", settings.automatic_trust)
                        .texts("certificates", certificates)
                        .done();
  if (!read) return read;
  for (std::size_t i = 0; i < certificates.size(); ++i) {
    auto parsed = crypto::Certificate::parse_all(certificates[i]);
    if (!parsed) {
      return invalid(path + ".certificates[" + std::to_string(i) + "]",
                     "is not a certificate in PEM: " + parsed.error().message);
    }
    for (auto& certificate : *parsed) settings.certificates.push_back(std::move(certificate));
  }
  return {};
}

Result<> read_payloads(const Json& json, const std::string& path, Settings& settings) {
  if (!json.is_array()) return invalid(path, "must be a list of payloads");
  for (const auto& element : json) {
    const auto own = path + "[" + std::to_string(settings.payloads.size()) + "]";
    auto payload = detail::to_payload(element, own);
    if (!payload) return std::unexpected(payload.error());
    if (auto good = detail::check_extra_payload(*payload, own); !good) return good;
    settings.payloads.push_back(std::move(*payload));
  }
  return {};
}

Result<> read_account_driven(const Json& json, const std::string& path, Settings& settings) {
  if (!json.is_object()) return invalid(path, "must be an object");
  AccountDriven account;
  auto read = Reader(json, path)
                  .text("version", account.version)
                  .texts("model_families", account.model_families)
                  .texts("domains", account.domains)
                  .text("managed_apple_id", account.managed_apple_id)
                  .done();
  if (!read) return read;
  if (account.version != "mdm-byod" && account.version != "mdm-adde") {
    return invalid(path + ".version", "must be mdm-byod or mdm-adde");
  }
  for (auto& domain : account.domains) domain = to_lower_ascii(domain);
  settings.account_driven = std::move(account);
  return {};
}

const schema::Key* payload_keys(const char* type, const char* inside = nullptr) {
  const auto* message = schema::Schema::apple().payload(type);
  if (message == nullptr || inside == nullptr) return message == nullptr ? nullptr : &message->request;
  return message->request.find(inside);
}

Result<> read_dict(const Json& json, const schema::Key* key, const std::string& path, plist::Dict& out) {
  auto dict = detail::to_dict(json, key, path);
  if (!dict) return std::unexpected(dict.error());
  out = std::move(*dict);
  return {};
}

Result<> read_consent(const Json& json, const std::string& path, plist::Dict& out) {
  if (auto read = read_dict(json, nullptr, path, out); !read) return read;
  for (const auto& [language, text] : out) {
    if (text.as<std::string>() == nullptr) return invalid(path + "." + language, "must be a text");
  }
  return {};
}

Result<> read_all(const Json& json, Settings& settings) {
  return Reader(json, "")
      .text("display_name", settings.display_name)
      .text("description", settings.description)
      .text("organization", settings.organization)
      .text("identifier", settings.identifier)
      .text("scope", settings.scope)
      .flag("removal_disallowed", settings.removal_disallowed)
      .key("consent_text",
           [&](const Json& j, const std::string& at) { return read_consent(j, at, settings.consent_text); })
      .flag("signed", settings.sign)
      .key("access",
           [&](const Json& j, const std::string& at) { return read_access(j, at, settings.access); })
      .flag("url_params", settings.url_params)
      .key("mdm",
           [&](const Json& j, const std::string& at) {
             return read_dict(j, payload_keys("com.apple.mdm"), at, settings.mdm);
           })
      .key("scep",
           [&](const Json& j, const std::string& at) {
             return read_dict(j, payload_keys("com.apple.security.scep", "PayloadContent"), at,
                              settings.scep);
           })
      .key("identity",
           [&](const Json& j, const std::string& at) -> Result<> {
             auto payload = detail::to_payload(j, at);
             if (!payload) return std::unexpected(payload.error());
             settings.identity = std::move(*payload);
             return {};
           })
      .key("trust", [&](const Json& j, const std::string& at) { return read_trust(j, at, settings); })
      .key("payloads", [&](const Json& j, const std::string& at) { return read_payloads(j, at, settings); })
      .key("account_driven",
           [&](const Json& j, const std::string& at) { return read_account_driven(j, at, settings); })
      .done();
}

/// What a GET shows and a PUT may bring back without meaning it.
void drop_read_only(Json& json) {
  if (!json.is_object()) return;
  for (const auto* key : {"name", "urls", "created_at", "updated_at"}) json.erase(key);
}

}  // namespace

std::string without_read_only_keys(std::string_view text) {
  auto json = Json::parse(text, nullptr, false);
  drop_read_only(json);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Settings> parse_settings(std::string_view text) {
  auto json = Json::parse(text, nullptr, false);
  drop_read_only(json);
  if (json.is_discarded() || !json.is_object()) {
    return fail(Failure::invalid, "enrollment_profile.malformed", "an enrollment profile is a JSON object");
  }
  Settings settings;
  if (auto read = read_all(json, settings); !read) return std::unexpected(read.error());
  if (settings.scope != "System" && settings.scope != "User")
    return invalid("scope", "must be System or User");
  if (auto good = detail::check_mdm(settings); !good) return std::unexpected(good.error());
  if (auto good = detail::check_identity(settings, json.contains("scep")); !good) {
    return std::unexpected(good.error());
  }
  return settings;
}

}  // namespace mooring::core::enroll
