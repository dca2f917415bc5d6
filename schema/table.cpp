// SPDX-License-Identifier: Apache-2.0
// Reading the table of facts (apple.tsv) into trees of keys.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>
#include <utility>

#include "base/embedded_file.hpp"
#include "schema/schema.hpp"

namespace mooring::schema {

namespace table {
std::span<const EmbeddedFile> embedded_files();
}

namespace {

constexpr std::size_t kColumns = 10;
using Row = std::array<std::string_view, kColumns>;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string_view unless_dash(std::string_view text) { return text == "-" ? std::string_view() : text; }

template <class Enum>
std::optional<Enum> named(std::string_view name, Enum last) {
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    if (name_of(static_cast<Enum>(i)) == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

void set_attribute(Support& support, std::string_view name, std::string_view value) {
  if (name == "introduced") {
    support.available = value != "n/a";
    if (support.available) support.introduced = value;
  } else if (name == "removed") {
    support.removed = value;
  } else if (name == "devicechannel") {
    support.device_channel = value == "true";
  } else if (name == "userchannel") {
    support.user_channel = value == "true";
  } else if (name == "userenrollment.mode") {
    support.user_enrollment = value;
  } else if (name == "sharedipad.mode") {
    support.shared_ipad = value;
  } else if (name == "accessrights") {
    support.access_rights = value;
  } else if (name == "supervised") {
    support.supervised = value == "true";
  }
}

/// "iOS:introduced=13.0,supervised=true macOS:introduced=n/a"
std::vector<Support> read_supports(std::string_view text) {
  std::vector<Support> supports;
  if (text.empty()) return supports;
  for (const auto platform : split(text, ' ')) {
    const auto colon = platform.find(':');
    Support support;
    support.platform = named(platform.substr(0, colon), Platform::watchos).value_or(Platform::unknown);
    for (const auto attribute : split(platform.substr(colon + 1), ',')) {
      const auto equals = attribute.find('=');
      set_attribute(support, attribute.substr(0, equals), attribute.substr(equals + 1));
    }
    supports.push_back(std::move(support));
  }
  return supports;
}

/// "ProfileList[].PayloadUUID" into "ProfileList", "", "PayloadUUID"; "Settings[DeviceName]" into "Settings",
/// "DeviceName".
std::vector<std::string_view> segments(std::string_view path) {
  std::vector<std::string_view> names;
  for (const auto part : split(path, '.')) {
    auto open = part.find('[');
    names.push_back(part.substr(0, open));
    while (open != std::string_view::npos) {
      const auto close = part.find(']', open);
      if (close == std::string_view::npos) return {};
      names.push_back(part.substr(open + 1, close - open - 1));
      open = part.find('[', close);
    }
  }
  return names;
}

std::optional<double> read_bound(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return std::strtod(std::string(text).c_str(), nullptr);
}

std::optional<Key> read_key(std::string_view name, const Row& row) {
  const auto type = named(row[4], Type::dictionary);
  if (!type) return std::nullopt;
  Key key{.name = std::string(name), .type = *type, .required = row[5] == "required"};
  if (const auto values = unless_dash(row[6]); !values.empty()) {
    for (const auto value : split(values, '|')) key.allowed.emplace_back(value);
  }
  if (const auto range = unless_dash(row[7]); !range.empty()) {
    const auto dots = range.find("..");
    key.minimum = read_bound(range.substr(0, dots));
    key.maximum = read_bound(range.substr(dots + 2));
  }
  key.standard = unless_dash(row[8]);
  key.supports = read_supports(unless_dash(row[9]));
  return key;
}

/// The parent's row comes before its children's: the table is sorted by path.
bool add_row(Message& message, const Row& row) {
  if (row[2] == "-") {
    message.supports = read_supports(unless_dash(row[9]));
    return true;
  }
  const auto path = segments(row[3]);
  if (path.empty()) return false;
  Key* parent = row[2] == "request" ? &message.request : &message.response;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    const auto next = std::ranges::find(parent->keys, path[i], &Key::name);
    if (next == parent->keys.end()) return false;
    parent = &*next;
  }
  auto key = read_key(path.back(), row);
  if (!key) return false;
  parent->keys.push_back(std::move(*key));
  return true;
}

/// The schema describes one dictionary where devices answer (and its own prose says) one per setting.
void correct_settings(Message& settings) {
  for (auto& key : settings.response.keys) {
    if (key.name != "Settings" || key.type != Type::dictionary) continue;
    Key element{.type = Type::dictionary, .keys = std::move(key.keys)};
    key.type = Type::array;
    key.keys = {std::move(element)};
  }
}

/// The schema puts a dictionary between the languages and ConsentText; devices and its own prose do not.
void correct_consent_text(Message& top) {
  for (auto& key : top.request.keys) {
    if (key.name == "ConsentText") key.keys = {Key{.name = "*", .type = Type::string}};
  }
}

/// "A single string or an array of strings for each key", says the prose.
void correct_alternative_names(Key& key) {
  for (auto& child : key.keys) {
    if (key.name == "SubjectAltName") child.type = Type::any;
    correct_alternative_names(child);
  }
}

/// Every payload has the common keys, whatever its own file lists.
void add_common_keys(std::map<std::string, Message, std::less<>>& payloads) {
  const auto common = payloads.find("CommonPayloadKeys");
  if (common == payloads.end()) return;
  for (auto& [name, payload] : payloads) {
    correct_alternative_names(payload.request);
    if (name == "TopLevel" || name == common->first) continue;
    for (const auto& key : common->second.request.keys) {
      if (payload.request.find(key.name) == nullptr) payload.request.keys.push_back(key);
    }
  }
}

}  // namespace

Result<Schema> Schema::parse(std::string_view rows) {
  Schema schema;
  for (const auto line : split(rows, '\n')) {
    if (line.empty() || line.front() == '#') continue;
    const auto columns = split(line, '\t');
    auto* messages = columns[0] == "command"   ? &schema.commands_
                     : columns[0] == "checkin" ? &schema.checkins_
                     : columns[0] == "error"   ? &schema.errors_
                     : columns[0] == "payload" ? &schema.payloads_
                                               : nullptr;
    Row row;
    bool good = messages != nullptr && columns.size() == kColumns;
    if (good) {
      std::ranges::copy(columns, row.begin());
      auto& message = (*messages)[std::string(row[1])];
      message.name = row[1];
      message.request.type = message.response.type = Type::dictionary;
      good = add_row(message, row);
    }
    if (!good) return fail(Failure::invalid, "schema.table", "not a row of the table: " + std::string(line));
  }
  if (const auto settings = schema.commands_.find("Settings"); settings != schema.commands_.end()) {
    correct_settings(settings->second);
  }
  if (const auto top = schema.payloads_.find("TopLevel"); top != schema.payloads_.end()) {
    correct_consent_text(top->second);
  }
  add_common_keys(schema.payloads_);
  return schema;
}

const Schema& Schema::apple() {
  static const Schema kSchema = [] {
    // A table that does not parse would be a broken build; the unit tests parse it too.
    auto parsed = parse(table::embedded_files().front().content);
    return parsed ? std::move(*parsed) : Schema();
  }();
  return kSchema;
}

}  // namespace mooring::schema
