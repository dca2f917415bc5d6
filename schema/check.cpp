// SPDX-License-Identifier: Apache-2.0
#include "schema/check.hpp"

#include <algorithm>
#include <utility>

namespace mooring::schema {
namespace {

Type type_of(const plist::Value& value) {
  static constexpr Type kByIndex[] = {Type::string, Type::integer, Type::integer,
                                      Type::real,   Type::boolean, Type::data,
                                      Type::date,   Type::array,   Type::dictionary};
  return kByIndex[value.variant().index()];
}

std::string join(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

/// Text form as the table writes values; empty for what it never lists.
std::string listed_form(const plist::Value& value) {
  if (const auto* text = value.as<std::string>()) return *text;
  if (const auto* number = value.as<std::int64_t>()) return std::to_string(*number);
  if (const auto* big = value.as<std::uint64_t>()) return std::to_string(*big);
  return {};
}

std::optional<double> number_of(const plist::Value& value) {
  if (const auto* real = value.as<double>()) return *real;
  if (const auto* whole = value.as<std::int64_t>()) return static_cast<double>(*whole);
  return std::nullopt;
}

std::string listing(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// Without a target only what every device must send is demanded.
bool demanded(const Key& key, const Target& target) {
  if (!key.required || key.name == "*") return false;
  if (target.platform != Platform::unknown) return available_to(key.supports, target);
  return std::ranges::none_of(key.supports, [](const Support& support) {
    return !support.available || !support.introduced.empty() || !support.removed.empty() ||
           !support.device_channel || !support.user_channel || !support.user_enrollment.empty() ||
           !support.shared_ipad.empty();
  });
}

class Checker {
 public:
  Checker(const Target& target, Problems& problems) : target_(target), problems_(problems) {}

  void dict(const Key& key, const plist::Dict& dict, const std::string& path) {
    for (const auto& [name, value] : dict) {
      const auto own = join(path, name);
      const auto* child = key.find(name);
      if (child == nullptr) {
        add(own, "is not a key of the schema");
        continue;
      }
      if (!available_to(child->supports, target_)) add(own, "is not available to " + describe(target_));
      this->value(*child, value, own);
    }
    for (const auto& child : key.keys) {
      if (dict.find(child.name) == nullptr && demanded(child, target_))
        add(join(path, child.name), "is missing");
    }
  }

 private:
  void add(std::string path, std::string what) { problems_.push_back({std::move(path), std::move(what)}); }

  void value(const Key& key, const plist::Value& value, const std::string& path) {
    if (key.type == Type::any) return;
    const auto type = type_of(value);
    const bool fits = type == key.type || (key.type == Type::real && type == Type::integer);
    if (!fits) {
      add(path, "is of type " + std::string(name_of(type)) + ", should be " + std::string(name_of(key.type)));
      return;
    }
    if (const auto* inner = value.as<plist::Dict>()) dict(key, *inner, path);
    if (const auto* elements = value.as<plist::Array>()) array(key, *elements, path);
    allowed(key, value, path);
    range(key, value, path);
  }

  void array(const Key& key, const plist::Array& elements, const std::string& path) {
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const auto own = path + "[" + std::to_string(i) + "]";
      if (key.keys.size() == 1) {
        value(key.keys.front(), elements[i], own);
      } else if (!key.keys.empty()) {
        alternative(key, elements[i], own);
      }
    }
  }

  /// Elements of Settings say by `Item` which of the alternatives they are.
  void alternative(const Key& key, const plist::Value& element, const std::string& path) {
    const auto* dict = element.as<plist::Dict>();
    const auto* item = dict == nullptr ? nullptr : dict->string("Item");
    if (item == nullptr) {
      add(join(path, "Item"), "is missing");
      return;
    }
    for (const auto& choice : key.keys) {
      const auto* name = choice.find("Item");
      if (name == nullptr || std::ranges::find(name->allowed, *item) == name->allowed.end()) continue;
      if (!available_to(choice.supports, target_))
        add(path, *item + " is not available to " + describe(target_));
      value(choice, element, path);
      return;
    }
    add(join(path, "Item"), "has a value that is not allowed: " + *item);
  }

  /// Besides a list of values, names described inside a string are its values (DeviceInformation's Queries).
  void allowed(const Key& key, const plist::Value& value, const std::string& path) {
    auto values = key.allowed;
    if (key.type == Type::string) {
      for (const auto& child : key.keys) values.push_back(child.name);
    }
    if (values.empty()) return;
    const auto text = listed_form(value);
    if (std::ranges::find(values, text) != values.end()) return;
    const auto choice = values.size() > 24 ? std::string() : " (allowed: " + listing(values) + ")";
    add(path, "has a value that is not allowed: " + text + choice);
  }

  void range(const Key& key, const plist::Value& value, const std::string& path) {
    const auto number = number_of(value);
    if (!number) return;
    if ((key.minimum && *number < *key.minimum) || (key.maximum && *number > *key.maximum)) {
      add(path, "is out of range");
    }
  }

  const Target& target_;
  Problems& problems_;
};

}  // namespace

std::string describe(const Target& target) {
  std::string text(name_of(target.platform));
  if (!target.os_version.empty()) text += " " + target.os_version;
  if (target.user_channel) text += " (user channel)";
  if (target.user_enrollment) text += " (user enrollment)";
  if (target.unsupervised) text += " (not supervised)";
  return text;
}

void check_dict(const Key& key, const plist::Dict& dict, const Target& target, Problems& problems) {
  Checker(target, problems).dict(key, dict, "");
}

}  // namespace mooring::schema
