// SPDX-License-Identifier: Apache-2.0
#include "director/device_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace mooring::director {
namespace {

struct ValueText {
  std::string operator()(bool flag) const { return flag ? "true" : "false"; }
  std::string operator()(double number) const {
    constexpr double kLargestExact = 9e15;
    const bool whole = std::trunc(number) == number && std::abs(number) < kLargestExact;
    return whole ? fmt::format("{}", static_cast<std::int64_t>(number)) : fmt::format("{}", number);
  }
  std::string operator()(std::string text) const {
    std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    return text;
  }
};

}  // namespace

std::string text_of(const FactValue& value) { return std::visit(ValueText{}, value); }

std::unordered_map<std::int64_t, VariableValues> device_values(pg::Connection& connection,
                                                               std::span<const std::int64_t> devices,
                                                               std::span<const std::string> names) {
  std::unordered_map<std::int64_t, VariableValues> values;
  std::vector<std::pair<std::string, std::string>> wanted;  // variable, fact
  bool with_inventory = false;
  for (const auto& name : names) {
    const auto fact = fact_of_variable(name);
    const auto* known = fact ? find_fact_name(*fact) : nullptr;
    if (known == nullptr) continue;
    wanted.emplace_back(name, *fact);
    with_inventory = with_inventory || known->source != FactSource::checkin;
  }
  if (wanted.empty()) return values;
  for (const auto& [device, facts] : facts_of_devices(connection, devices, with_inventory)) {
    auto& of_device = values[device];
    for (const auto& [name, fact] : wanted) {
      if (const auto* value = facts.find(fact)) of_device.emplace(name, text_of(*value));
    }
  }
  return values;
}

}  // namespace mooring::director
