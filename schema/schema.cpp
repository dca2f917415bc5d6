// SPDX-License-Identifier: Apache-2.0
#include "schema/schema.hpp"

#include "schema/check.hpp"

namespace mooring::schema {
namespace {

const Message* find_in(const auto& messages, std::string_view name) {
  const auto found = messages.find(name);
  return found == messages.end() ? nullptr : &found->second;
}

std::vector<std::string> names_of(const auto& messages) {
  std::vector<std::string> names;
  for (const auto& [name, message] : messages) names.push_back(name);
  return names;
}

Key simple(std::string name, Type type, bool required = false, std::vector<std::string> allowed = {}) {
  return Key{.name = std::move(name), .type = type, .required = required, .allowed = std::move(allowed)};
}

/// Keys that identify the device or user; the schema lists them for some messages only, devices send them on
/// all, and which of them is required depends on the kind of enrollment (never on the message).
const std::vector<Key>& identifiers() {
  static const std::vector<Key> kKeys{
      simple("UDID", Type::string),          simple("EnrollmentID", Type::string),
      simple("UserID", Type::string),        simple("EnrollmentUserID", Type::string),
      simple("UserShortName", Type::string), simple("UserLongName", Type::string),
      simple("NotOnConsole", Type::boolean)};
  return kKeys;
}

Key error_chain(bool required) {
  Key link{.type = Type::dictionary};
  link.keys = {simple("ErrorCode", Type::integer, true), simple("ErrorDomain", Type::string, true),
               simple("LocalizedDescription", Type::string), simple("USEnglishDescription", Type::string)};
  Key chain = simple("ErrorChain", Type::array, required);
  chain.keys = {std::move(link)};
  return chain;
}

/// Identifiers win over what a message says of them.
Key with_common(const Key& own, std::vector<Key> common) {
  Key all{.type = Type::dictionary, .keys = std::move(common)};
  for (const auto& key : own.keys) {
    if (all.find(key.name) == nullptr) all.keys.push_back(key);
  }
  return all;
}

void require_identity(const plist::Dict& message, Problems& problems) {
  if (message.find("UDID") == nullptr && message.find("EnrollmentID") == nullptr) {
    problems.push_back({"", "names neither UDID nor EnrollmentID"});
  }
}

std::string text_of(const plist::Dict& dict, std::string_view key) {
  const auto* text = dict.string(key);
  return text == nullptr ? std::string() : *text;
}

}  // namespace

std::string to_string(const Problems& problems) {
  std::string text;
  for (const auto& problem : problems) {
    text += (text.empty() ? "" : "; ") + problem.path + (problem.path.empty() ? "" : " ") + problem.what;
  }
  return text;
}

const Message* Schema::command(std::string_view request_type) const {
  return find_in(commands_, request_type);
}
const Message* Schema::checkin(std::string_view message_type) const {
  return find_in(checkins_, message_type);
}
const Message* Schema::error(std::string_view code) const { return find_in(errors_, code); }
const Message* Schema::payload(std::string_view payload_type) const {
  return find_in(payloads_, payload_type);
}
std::vector<std::string> Schema::request_types() const { return names_of(commands_); }
std::vector<std::string> Schema::message_types() const { return names_of(checkins_); }

std::vector<std::string> Schema::queries(const Target& target) const {
  std::vector<std::string> names;
  const auto* message = command("DeviceInformation");
  const auto* queries = message == nullptr ? nullptr : message->request.find("Queries");
  if (queries == nullptr || queries->keys.empty()) return names;
  for (const auto& query : queries->keys.front().keys) {
    if (available_to(query.supports, target)) names.push_back(query.name);
  }
  return names;
}

Problems Schema::check_request(const plist::Dict& request, const Target& target) const {
  const auto type = text_of(request, "RequestType");
  if (type.empty()) return {{"RequestType", "is missing"}};
  const auto* message = command(type);
  if (message == nullptr) return {{"RequestType", "is not a command of the schema: " + type}};
  Problems problems;
  if (!available_to(message->supports, target)) {
    problems.push_back({"RequestType", type + " is not available to " + describe(target)});
  }
  check_dict(with_common(message->request, {simple("RequestType", Type::string, true)}), request, target,
             problems);
  return problems;
}

Problems Schema::check_report(std::string_view request_type, const plist::Dict& report,
                              const Target& target) const {
  const auto status = text_of(report, "Status");
  auto common = identifiers();
  common.push_back(simple("Status", Type::string, true,
                          {"Acknowledged", "Error", "CommandFormatError", "NotNow", "Idle"}));
  common.push_back(simple("CommandUUID", Type::string, status != "Idle"));
  common.push_back(simple("RequestType", Type::string));
  common.push_back(error_chain(status == "Error"));
  Problems problems;
  Key response{.type = Type::dictionary};
  if (status != "Idle") {
    if (const auto* message = command(request_type)) {
      response = message->response;
    } else if (status == "Acknowledged") {
      problems.push_back({"RequestType", "is not a command of the schema: " + std::string(request_type)});
    }
  }
  require_identity(report, problems);
  // A partial answer beside an error is no fault, but what is there must have the right form.
  if (status != "Acknowledged") {
    for (auto& key : response.keys) key.required = false;
  }
  check_dict(with_common(response, std::move(common)), report, target, problems);
  return problems;
}

Problems Schema::check_checkin(const plist::Dict& message, const Target& target) const {
  const auto type = text_of(message, "MessageType");
  if (type.empty()) return {{"MessageType", "is missing"}};
  const auto* known = checkin(type);
  if (known == nullptr) return {{"MessageType", "is not a check-in message of the schema: " + type}};
  Problems problems;
  require_identity(message, problems);
  check_dict(with_common(known->request, identifiers()), message, target, problems);
  return problems;
}

Problems Schema::check_checkin_reply(std::string_view message_type, const plist::Dict& reply,
                                     const Target& target) const {
  const auto* known = checkin(message_type);
  if (known == nullptr) {
    return {{"MessageType", "is not a check-in message of the schema: " + std::string(message_type)}};
  }
  Problems problems;
  check_dict(known->response, reply, target, problems);
  return problems;
}

Problems Schema::check_error_body(const plist::Dict& body, const Target& target) const {
  const auto* known = error(text_of(body, "code"));
  if (known == nullptr) return {{"code", "is not an error code of the schema: " + text_of(body, "code")}};
  Problems problems;
  check_dict(known->request, body, target, problems);
  return problems;
}

Problems Schema::check_payload(const plist::Dict& payload, const Target& target) const {
  Problems problems;
  if (const auto* known = this->payload(text_of(payload, "PayloadType"))) {
    check_dict(known->request, payload, target, problems);
    return problems;
  }
  Key common{.type = Type::dictionary};
  if (const auto* known = this->payload("CommonPayloadKeys")) common = known->request;
  common.keys.push_back(Key{.name = "*"});
  check_dict(common, payload, target, problems);
  return problems;
}

Problems Schema::check_profile(const plist::Dict& profile, const Target& target) const {
  const auto* top = this->payload("TopLevel");
  if (top == nullptr) return {{"", "cannot be checked: the table has no profiles"}};
  Problems problems;
  check_dict(top->request, profile, target, problems);
  const auto* content = profile.array("PayloadContent");
  for (std::size_t i = 0; content != nullptr && i < content->size(); ++i) {
    const auto* payload = (*content)[i].as<plist::Dict>();
    if (payload == nullptr) continue;
    for (auto& problem : check_payload(*payload, target)) {
      problem.path = "PayloadContent[" + std::to_string(i) + "]." + problem.path;
      problems.push_back(std::move(problem));
    }
  }
  return problems;
}

}  // namespace mooring::schema
