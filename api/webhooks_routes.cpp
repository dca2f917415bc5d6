// SPDX-License-Identifier: Apache-2.0
// /v1/webhooks: where events are sent, and what was refused there for good.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "api/detail/endpoint.hpp"
#include "api/detail/event_view.hpp"
#include "base/crypto/x509.hpp"
#include "base/encoding.hpp"
#include "core/outbox/consumers.hpp"
#include "core/outbox/webhook_url.hpp"

namespace mooring::api::detail {
namespace {

constexpr std::size_t kLongestHmacKey = 1024;
constexpr std::size_t kLongestHeaderValue = 4096;

Json header_names(const crypto::SecretBox& secrets, const core::Consumer& webhook) {
  auto names = Json::array();
  const auto headers = core::open_headers(secrets, webhook);
  if (!headers) return names;
  for (const auto& [name, value] : *headers) names.push_back(name);
  return names;
}

struct WebhookFigures {
  std::map<std::int32_t, double> lags;
  std::map<std::int32_t, std::int64_t> dead;
};

WebhookFigures figures_of(Call call) {
  return {core::consumer_lags(call.db, call.now), core::dead_letter_counts(call.db)};
}

Json webhook_json(Call call, const core::Consumer& webhook, const WebhookFigures& figures) {
  const auto lag = figures.lags.find(webhook.id);
  const auto dead = figures.dead.find(webhook.id);
  return {{"name", webhook.name},
          {"url", webhook.url},
          {"enabled", webhook.enabled},
          {"topics", webhook.topics},
          {"include_idle", webhook.include_idle},
          {"hmac", webhook.sealed_hmac_key.has_value()},
          {"headers", header_names(call.secrets, webhook)},
          {"trust", webhook.trust.empty() ? Json() : Json(webhook.trust)},
          {"lag_seconds", lag == figures.lags.end() ? 0.0 : lag->second},
          {"dead_letters", dead == figures.dead.end() ? std::int64_t{0} : dead->second},
          {"delivered_at", json_of(webhook.seen_at)},
          {"failed_at", json_of(webhook.failed_at)},
          {"failure", webhook.failure.empty() ? Json() : Json(webhook.failure)},
          {"created_at", to_rfc3339(webhook.created_at)},
          {"updated_at", to_rfc3339(webhook.updated_at)}};
}

Result<core::Consumer> named_webhook(Call call) {
  const auto name = call.request.param("name");
  auto found = core::find_consumer(call.db, name);
  if (found && found->kind == core::ConsumerKind::webhook) return std::move(*found);
  return fail(Failure::not_found, "webhook.unknown", fmt::format("there is no webhook {}", name));
}

bool is_field_name(std::string_view name) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::ranges::all_of(name, [&](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

Result<core::HeaderFields> read_headers(const Json& object) {
  core::HeaderFields fields;
  const auto refuse = [](std::string_view why) {
    return fail(Failure::invalid, "webhook.bad_header", fmt::format("\"headers\": {}", why));
  };
  if (!object.is_object()) return refuse("an object of names and values is needed");
  for (const auto& [name, value] : object.items()) {
    if (!is_field_name(name)) return refuse(fmt::format("{} is no name of a header", name));
    for (const auto* ours :
         {"Host", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection", "X-Hmac-Signature"}) {
      if (equal_ignoring_case(name, ours)) return refuse(fmt::format("{} is set by the server", ours));
    }
    const bool fine = value.is_string() &&
                      value.get_ref<const std::string&>().size() <= kLongestHeaderValue &&
                      std::ranges::none_of(value.get_ref<const std::string&>(),
                                           [](unsigned char c) { return c < ' ' || c == 0x7F; });
    if (!fine) return refuse(fmt::format("the value of {} is no text of one line", name));
    fields[name] = value.get<std::string>();
  }
  return fields;
}

Result<> set_secrets(core::Consumer& webhook, const Json& body, const crypto::SecretBox& secrets) {
  if (body.contains("hmac_key")) {
    const auto key = optional_text(body, "hmac_key");
    if (!key) return std::unexpected(key.error());
    if (*key && ((*key)->empty() || (*key)->size() > kLongestHmacKey)) {
      return fail(Failure::invalid, "webhook.bad_key",
                  "\"hmac_key\" has 1 to 1024 bytes; null takes it away");
    }
    webhook.sealed_hmac_key.reset();
    if (*key) webhook.sealed_hmac_key = core::seal_hmac_key(secrets, webhook.name, **key);
  }
  if (body.contains("headers")) {
    const auto fields = read_headers(body["headers"].is_null() ? Json::object() : body["headers"]);
    if (!fields) return std::unexpected(fields.error());
    webhook.sealed_headers.reset();
    if (!fields->empty()) webhook.sealed_headers = core::seal_headers(secrets, webhook.name, *fields);
  }
  return {};
}

Result<> set_trust(core::Consumer& webhook, const Json& body) {
  if (!body.contains("trust")) return {};
  const auto trust = optional_text(body, "trust");
  if (!trust) return std::unexpected(trust.error());
  webhook.trust = trust->value_or("");
  if (webhook.trust.empty()) return {};
  const auto parsed = crypto::Certificate::parse_all(webhook.trust);
  if (parsed) return {};
  return fail(Failure::invalid, "webhook.bad_trust",
              fmt::format("\"trust\" has to be certificates in PEM: {}", parsed.error().message));
}

/// What the body names is changed, the rest stays.
Result<> apply_change(core::Consumer& webhook, const Json& body, const crypto::SecretBox& secrets) {
  const auto url = optional_text(body, "url");
  if (!url) return std::unexpected(url.error());
  if (*url) webhook.url = **url;
  if (auto parsed = core::parse_webhook_url(webhook.url); !parsed) return std::unexpected(parsed.error());
  auto topics = optional_texts(body, "topics");
  if (!topics) return std::unexpected(topics.error());
  if (*topics) webhook.topics = std::move(**topics);
  if (auto known = check_topics(webhook.topics); !known) return known;
  const auto idle = optional_flag(body, "include_idle");
  if (!idle) return std::unexpected(idle.error());
  webhook.include_idle = idle->value_or(webhook.include_idle);
  const auto enabled = optional_flag(body, "enabled");
  if (!enabled) return std::unexpected(enabled.error());
  webhook.enabled = enabled->value_or(webhook.enabled);
  if (auto set = set_secrets(webhook, body, secrets); !set) return set;
  return set_trust(webhook, body);
}

Answer webhook_answer(Call call, int status, std::string_view name) {
  Answer answer(
      json_response(status, webhook_json(call, *core::find_consumer(call.db, name), figures_of(call))));
  answer.consumers = true;
  return answer;
}

Result<Answer> post_webhook(Call call) {
  const auto body = parse_object(
      call.request, {"name", "url", "hmac_key", "topics", "include_idle", "headers", "trust", "enabled"});
  if (!body) return std::unexpected(body.error());
  const auto name = required_text(*body, "name");
  if (!name) return std::unexpected(name.error());
  if (auto fine = check_consumer_name(*name); !fine) return std::unexpected(fine.error());
  if (const auto url = required_text(*body, "url"); !url) return std::unexpected(url.error());
  core::Consumer webhook{.name = *name, .kind = core::ConsumerKind::webhook};
  if (auto applied = apply_change(webhook, *body, call.secrets); !applied)
    return std::unexpected(applied.error());
  webhook.cursor = core::horizon(call.db);
  if (!core::create_consumer(call.db, webhook, call.now)) {
    return fail(Failure::conflict, "webhook.exists",
                fmt::format("there is a webhook or a consumer named {}", *name));
  }
  auto answer = webhook_answer(call, 201, *name);
  answer.response.headers.set("Location", "/v1/webhooks/" + *name);
  return answer;
}

Result<Answer> list_webhooks(Call call) {
  const auto figures = figures_of(call);
  auto items = Json::array();
  for (const auto& consumer : core::list_consumers(call.db)) {
    if (consumer.kind == core::ConsumerKind::webhook) items.push_back(webhook_json(call, consumer, figures));
  }
  return json_response(200, page_json(std::move(items)));
}

Result<Answer> get_webhook(Call call) {
  const auto webhook = named_webhook(call);
  if (!webhook) return std::unexpected(webhook.error());
  return json_response(200, webhook_json(call, *webhook, figures_of(call)));
}

Result<Answer> patch_webhook(Call call) {
  auto webhook = named_webhook(call);
  if (!webhook) return std::unexpected(webhook.error());
  const auto body = parse_object(
      call.request, {"url", "hmac_key", "topics", "include_idle", "headers", "trust", "enabled"});
  if (!body) return std::unexpected(body.error());
  if (auto applied = apply_change(*webhook, *body, call.secrets); !applied)
    return std::unexpected(applied.error());
  core::update_consumer(call.db, *webhook, false, call.now);
  return webhook_answer(call, 200, webhook->name);
}

Result<Answer> delete_webhook(Call call) {
  const auto webhook = named_webhook(call);
  if (!webhook) return std::unexpected(webhook.error());
  core::delete_consumer(call.db, webhook->id);
  Answer answer(http::Response::text(204, ""));
  answer.consumers = true;
  return answer;
}

Result<Answer> get_dead_letters(Call call) {
  const auto webhook = named_webhook(call);
  if (!webhook) return std::unexpected(webhook.error());
  const auto page = page_of(call.request, "dead-letters");
  if (!page) return std::unexpected(page.error());
  const auto log = core::read_event_log(call.db);
  core::Position after;
  if (!page->after.empty()) {
    const auto position = position_of(call.db, log, page->after);
    if (!position) return std::unexpected(position.error());
    after = *position;
  }
  const auto letters = core::dead_letters(call.db, webhook->id, after, page->limit + 1);
  auto items = Json::array();
  for (const auto& letter : letters) {
    if (static_cast<int>(items.size()) == page->limit) break;
    Json json = event_json(letter.event, log, call.secrets, false);
    json["attempts"] = letter.attempts;
    json["dead_at"] = to_rfc3339(letter.dead_at);
    json["failure"] = letter.failure;
    items.push_back(std::move(json));
  }
  std::optional<std::string> next;
  if (letters.size() > items.size()) {
    next = make_cursor("dead-letters", items.back()["cursor"].get_ref<const std::string&>());
  }
  return json_response(200, page_json(std::move(items), next));
}

Result<std::int64_t> settle(Call call, const core::Consumer& webhook, core::DeadLetterFate fate) {
  const auto body = parse_object(call.request, {"events", "all"});
  if (!body) return std::unexpected(body.error());
  const auto all = optional_flag(*body, "all");
  if (!all) return std::unexpected(all.error());
  const auto events = optional_texts(*body, "events");
  if (!events) return std::unexpected(events.error());
  if (all->value_or(false) == events->has_value()) {
    return fail(Failure::invalid, "webhook.which_letters",
                "name either \"events\", by their cursors, or \"all\": true");
  }
  if (!*events) return core::settle_all_dead_letters(call.db, webhook.id, fate, call.now);
  const auto log = core::read_event_log(call.db);
  std::vector<core::Position> positions;
  for (const auto& cursor : **events) {
    const auto parsed = core::parse_event_cursor(cursor);
    if (!parsed || parsed->epoch != log.epoch) {
      return fail(Failure::invalid, "request.bad_cursor",
                  fmt::format("{} is not the cursor of a dead letter: list them again", cursor));
    }
    positions.push_back(parsed->position);
  }
  return core::settle_dead_letters(call.db, webhook.id, positions, fate, call.now);
}

Result<Answer> settle_letters(Call call, core::DeadLetterFate fate) {
  const auto webhook = named_webhook(call);
  if (!webhook) return std::unexpected(webhook.error());
  const auto settled = settle(call, *webhook, fate);
  if (!settled) return std::unexpected(settled.error());
  Answer answer(json_response(200, {{"dead_letters", *settled}}));
  answer.consumers = true;
  return answer;
}

Result<Answer> retry_letters(Call call) { return settle_letters(call, core::DeadLetterFate::retry); }
Result<Answer> drop_letters(Call call) { return settle_letters(call, core::DeadLetterFate::drop); }

}  // namespace

std::span<const Endpoint> webhook_endpoints() {
  static constexpr std::array kEndpoints{
      Endpoint{"GET", "/v1/webhooks", Access::read, list_webhooks},
      Endpoint{"POST", "/v1/webhooks", Access::write, post_webhook},
      Endpoint{"GET", "/v1/webhooks/{name}", Access::read, get_webhook},
      Endpoint{"PATCH", "/v1/webhooks/{name}", Access::write, patch_webhook},
      Endpoint{"DELETE", "/v1/webhooks/{name}", Access::write, delete_webhook},
      Endpoint{"GET", "/v1/webhooks/{name}/dead-letters", Access::read, get_dead_letters},
      Endpoint{"POST", "/v1/webhooks/{name}/dead-letters/retry", Access::write, retry_letters},
      Endpoint{"POST", "/v1/webhooks/{name}/dead-letters/drop", Access::write, drop_letters},
  };
  return kEndpoints;
}

}  // namespace mooring::api::detail
