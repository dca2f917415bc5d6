// SPDX-License-Identifier: Apache-2.0
// The openssl command, in a directory of its own: another implementation's view of what we make and read.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace mooring::test {

class OpensslCommand {
 public:
  OpensslCommand() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mooring-openssl-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~OpensslCommand() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  OpensslCommand(const OpensslCommand&) = delete;
  OpensslCommand& operator=(const OpensslCommand&) = delete;

  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(directory_ / name, std::ios::binary) << bytes;
  }
  std::string read(const std::string& name) const {
    std::ifstream in(directory_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  /// Runs `openssl ARGUMENTS` there; its standard output goes to the file "out".
  bool run(const std::string& arguments) const {
    const std::string command =
        "cd '" + directory_.string() + "' && openssl " + arguments + " >out 2>errors </dev/null";
    return std::system(command.c_str()) == 0;  // NOLINT(cert-env33-c)
  }
  std::string errors() const { return read("errors"); }

 private:
  std::filesystem::path directory_;
};

}  // namespace mooring::test
