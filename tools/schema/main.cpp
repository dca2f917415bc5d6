// SPDX-License-Identifier: Apache-2.0
// schema_gen <apple dir> <out file>          writes the table
// schema_gen <apple dir> --check <file>      exits 1 and says what differs where the file is not current
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "tools/schema/generate.hpp"

namespace {

int check(const std::string& file, const std::string& current) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream committed;
  committed << stream.rdbuf();
  const auto difference = mooring::schema::difference(committed.str(), current);
  if (difference.empty()) return 0;
  std::cerr << file << " is not current; run schema_gen to write it again:\n" << difference;
  return 1;
}

int write(const std::string& file, const std::string& table) {
  std::ofstream stream(file, std::ios::binary | std::ios::trunc);
  stream << table;
  stream.close();
  if (stream) return 0;
  std::cerr << "cannot write " << file << "\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> places;
  bool only_check = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--check") {
      only_check = true;
    } else {
      places.push_back(argument);
    }
  }
  if (places.size() != 2) {
    std::cerr << "usage: schema_gen <apple dir> <out file>\n       schema_gen <apple dir> --check <file>\n";
    return 2;
  }
  const auto table = mooring::schema::generate(places[0]);
  if (!table) {
    std::cerr << table.error().message << "\n";
    return 1;
  }
  return only_check ? check(places[1], *table) : write(places[1], *table);
}
