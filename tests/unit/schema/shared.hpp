// SPDX-License-Identifier: Apache-2.0
// Where Apple's schema files and real samples lie, on machines that have them.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace mooring::schema::test {

inline std::filesystem::path shared() {
  if (const char* place = std::getenv("MOORING_SHARED"); place != nullptr) return place;
  return std::filesystem::path(MOORING_SOURCE_DIR).parent_path() / "shared";
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

}  // namespace mooring::schema::test
