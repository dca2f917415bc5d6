// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "base/result.hpp"

namespace mooring::app {

/// Holds the data directory for one server: a second one with the same directory is refused.
class DataDirLock {
 public:
  /// Takes <dir>/mooring.pid; data_dir.in_use names the process that has it.
  static Result<DataDirLock> take(const std::filesystem::path& dir);
  ~DataDirLock();
  DataDirLock(DataDirLock&& other) noexcept;
  DataDirLock& operator=(DataDirLock&&) = delete;
  DataDirLock(const DataDirLock&) = delete;
  DataDirLock& operator=(const DataDirLock&) = delete;

 private:
  DataDirLock(int file, std::filesystem::path path) : file_(file), path_(std::move(path)) {}
  int file_;
  std::filesystem::path path_;
};

}  // namespace mooring::app
