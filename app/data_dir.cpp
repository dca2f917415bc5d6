// SPDX-License-Identifier: Apache-2.0
#include "app/data_dir.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace mooring::app {

Result<DataDirLock> DataDirLock::take(const std::filesystem::path& dir) {
  const auto path = dir / "mooring.pid";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) {
    return fail(
        Failure::invalid, "data_dir.write",
        fmt::format("cannot write {}: {}. Choose another --data-dir.", path.string(), std::strerror(errno)));
  }
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    std::array<char, 32> pid{};
    const auto length = ::read(file, pid.data(), pid.size() - 1);
    ::close(file);
    std::string owner(pid.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
    while (!owner.empty() && owner.back() == '\n') owner.pop_back();
    return fail(Failure::conflict, "data_dir.in_use",
                fmt::format("a server (pid {}) already runs with {}: stop it, or choose another --data-dir.",
                            owner, dir.string()));
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, pid.data(), pid.size(), 0) < 0) {
    ::close(file);
    return fail(Failure::internal, "data_dir.write", fmt::format("cannot write {}", path.string()));
  }
  return DataDirLock(file, path);
}

DataDirLock::DataDirLock(DataDirLock&& other) noexcept
    : file_(std::exchange(other.file_, -1)), path_(std::move(other.path_)) {}

DataDirLock::~DataDirLock() {
  if (file_ < 0) return;
  ::unlink(path_.c_str());
  ::close(file_);
}

}  // namespace mooring::app
