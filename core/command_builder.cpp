// SPDX-License-Identifier: Apache-2.0
#include "core/command_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "schema/schema.hpp"

namespace mooring::core {
namespace {

using schema::Key;
using schema::Type;

bool is_snake_case(std::string_view name) {
  return std::ranges::all_of(
      name, [](unsigned char c) { return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '_'; });
}

/// What is left of a name without case and underscores.
std::string folded(std::string_view name) {
  std::string plain = to_lower_ascii(name);
  std::erase(plain, '_');
  return plain;
}

const Key* key_named(const Key& parent, std::string_view name) {
  const Key* key = parent.find(name);
  if (key != nullptr || !is_snake_case(name)) return key;
  const auto found =
      std::ranges::find(parent.keys, folded(name), [](const Key& k) { return folded(k.name); });
  return found == parent.keys.end() ? nullptr : &*found;
}

/// XML 1.0 section 2.2: no property list can carry other control characters.
bool can_be_written(std::string_view text) {
  return std::ranges::none_of(
      text, [](unsigned char c) { return c < 0x20 && c != '\t' && c != '\n' && c != '\r'; });
}

class CommandWriter {
 public:
  plist::Dict dict(const Key& key, const plist::Dict& asked, const std::string& path) {
    plist::Dict made;
    for (const auto& [name, value] : asked) {
      const Key* child = key_named(key, name);
      const std::string own = child == nullptr || child->name == "*" ? name : child->name;
      const std::string at = path.empty() ? own : path + "." + own;
      if (!can_be_written(own)) add(path, "has a key with a control character");
      if (made.find(own) != nullptr) add(at, "is there twice, under two names");
      made.set(own, child == nullptr ? value : this->value(*child, value, at));
    }
    return made;
  }

  schema::Problems take_problems() { return std::move(problems_); }

 private:
  void add(std::string path, std::string what) { problems_.push_back({std::move(path), std::move(what)}); }

  /// What does not fit is left as it is: the check against the schema says so.
  plist::Value value(const Key& key, const plist::Value& asked, const std::string& path) {
    if (const auto* text = asked.as<std::string>()) return this->text(key.type, *text, path);
    if (const auto* whole = asked.as<std::int64_t>(); whole != nullptr && key.type == Type::real)
      return static_cast<double>(*whole);
    if (const auto* inner = asked.as<plist::Dict>()) {
      if (key.type == Type::dictionary) return dict(key, *inner, path);
      if (key.type == Type::any) return dict(any_content(), *inner, path);
    }
    if (const auto* elements = asked.as<plist::Array>()) {
      if (key.type == Type::array || key.type == Type::any) return array(key, *elements, path);
    }
    return asked;
  }

  /// Where the bytes cannot be read the value has the right type all the same: one problem is enough.
  plist::Value text(Type type, const std::string& text, const std::string& path) {
    if (type == Type::data) {
      auto bytes = from_base64(text);
      if (!bytes) add(path, "is no base64");
      return plist::Data{std::move(bytes).value_or("")};
    }
    if (type == Type::date) {
      const auto time = from_rfc3339(text);
      if (!time) add(path, "is no date as RFC 3339 writes them, such as 2026-11-22T04:51:30Z");
      const auto seconds = std::chrono::floor<std::chrono::seconds>(time.value_or(Time{}));
      return plist::Date{seconds.time_since_epoch().count()};
    }
    if (!can_be_written(text)) add(path, "has a control character");
    return text;
  }

  plist::Array array(const Key& key, const plist::Array& elements, const std::string& path) {
    plist::Array made;
    for (const auto& element : elements) {
      const auto at = fmt::format("{}[{}]", path, made.size());
      made.push_back(this->value(element_key(key, element), element, at));
    }
    return made;
  }

  /// Elements of Settings say by `Item` which of the alternatives they are.
  static const Key& element_key(const Key& key, const plist::Value& element) {
    if (key.keys.empty()) return any_content();
    const auto* dict = element.as<plist::Dict>();
    if (key.keys.size() == 1 || dict == nullptr) return key.keys.front();
    const auto* item = dict->string("Item");
    if (item == nullptr) item = dict->string("item");
    for (const auto& choice : key.keys) {
      const auto* name = choice.find("Item");
      if (item == nullptr || name == nullptr) continue;
      if (std::ranges::find(name->allowed, *item) != name->allowed.end()) return choice;
    }
    return key.keys.front();
  }

  static const Key& any_content() {
    static const Key kAny{.type = Type::any, .keys = {Key{.name = "*"}}};
    return kAny;
  }

  schema::Problems problems_;
};

}  // namespace

Result<plist::Dict> build_command(std::string_view request_type, const plist::Dict& asked) {
  const auto& schema = schema::Schema::apple();
  const auto* message = schema.command(request_type);
  if (message == nullptr) {
    return fail(Failure::invalid, "command.unknown_request_type",
                fmt::format("\"{}\" is not a command of Apple's schema: look at its spelling, or send the "
                            "command as a plist, which is relayed as it is",
                            request_type));
  }
  CommandWriter writer;
  plist::Dict command{{"RequestType", std::string(request_type)}};
  for (const auto& [name, value] : writer.dict(message->request, asked, "")) command.set(name, value);
  auto problems = writer.take_problems();
  std::ranges::move(schema.check_request(command), std::back_inserter(problems));
  if (problems.empty()) return command;
  return fail(Failure::invalid, "command.invalid",
              fmt::format("{}: {}", request_type, schema::to_string(problems)));
}

}  // namespace mooring::core
