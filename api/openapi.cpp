// SPDX-License-Identifier: Apache-2.0
#include "api/openapi.hpp"

#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>
#include <span>

#include "base/embedded_file.hpp"

namespace mooring::api {

namespace openapi {
std::span<const EmbeddedFile> embedded_files();
}  // namespace openapi

namespace {

using OpenApiJson = nlohmann::ordered_json;

OpenApiJson scalar_to_json(const YAML::Node& node) {
  const auto& text = node.Scalar();
  if (node.Tag() == "!") return text;  // quoted
  if (text == "true") return true;
  if (text == "false") return false;
  if (std::int64_t number = 0; YAML::convert<std::int64_t>::decode(node, number)) return number;
  if (double number = 0; YAML::convert<double>::decode(node, number)) return number;
  return text;
}

OpenApiJson yaml_to_json(const YAML::Node& node) {
  if (node.IsMap()) {
    auto object = OpenApiJson::object();
    for (const auto& entry : node) object[entry.first.Scalar()] = yaml_to_json(entry.second);
    return object;
  }
  if (node.IsSequence()) {
    auto array = OpenApiJson::array();
    for (const auto& entry : node) array.push_back(yaml_to_json(entry));
    return array;
  }
  return node.IsScalar() ? scalar_to_json(node) : OpenApiJson();
}

}  // namespace

std::string_view openapi_yaml() { return openapi::embedded_files().front().content; }

const std::string& openapi_json() {
  static const std::string kText = yaml_to_json(YAML::Load(std::string(openapi_yaml()))).dump(2) + "\n";
  return kText;
}

}  // namespace mooring::api
