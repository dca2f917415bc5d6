// SPDX-License-Identifier: Apache-2.0
#include "app/demo_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <optional>
#include <utility>

#include "app/demo_process.hpp"

namespace mooring::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMarker = "made-by-mooring-demo";
constexpr auto kOrphanPatience = std::chrono::seconds(15);

std::unexpected<Error> cannot_write(const fs::path& path, const std::string& why) {
  return fail(Failure::invalid, "demo.directory_write",
              fmt::format("cannot write {}: {}. Choose another --data-dir.", path.string(), why));
}

/// Anyone can make a directory of that name in /tmp first: only one's own is used.
Result<> check_owner(const fs::path& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return cannot_write(path, std::strerror(errno));
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid()) {
    return fail(
        Failure::conflict, "demo.directory_foreign",
        fmt::format(
            "{} belongs to another user, or is no directory: choose another --data-dir, or remove it.",
            path.string()));
  }
  return {};
}

Result<> check_marker(const fs::path& path) {
  std::error_code error;
  if (fs::exists(path / kMarker, error) || fs::is_empty(path, error)) return {};
  return fail(Failure::conflict, "demo.directory_foreign",
              fmt::format("{} was not made by a demo, and a demo empties its directory: choose another "
                          "--data-dir, or remove it.",
                          path.string()));
}

Result<int> lock_marker(const fs::path& path) {
  const int file = ::open((path / kMarker).c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (file < 0) return cannot_write(path, std::strerror(errno));
  if (::flock(file, LOCK_EX | LOCK_NB) == 0) return file;
  ::close(file);
  return fail(
      Failure::conflict, "demo.directory_in_use",
      fmt::format("another demo runs in {}: end it (Ctrl-C), or choose another --data-dir.", path.string()));
}

/// A demo that was killed could not end its server.
void end_orphan(const fs::path& path) {
  std::ifstream file(path / "server.pid");
  pid_t pid = 0;
  if (!(file >> pid) || pid <= 1) return;
  std::ifstream arguments(fmt::format("/proc/{}/cmdline", pid));
  const std::string line((std::istreambuf_iterator<char>(arguments)), {});
  const bool ours = line.find((path / "data").string()) != std::string::npos &&
                    line.find("--data-dir") != std::string::npos;
  if (ours) end_process(pid, kOrphanPatience);
}

Result<> clear(const fs::path& path) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    if (entry.path().filename() == kMarker) continue;
    std::error_code failed;
    fs::remove_all(entry.path(), failed);
    if (failed) return cannot_write(entry.path(), failed.message());
  }
  if (error) return cannot_write(path, error.message());
  return {};
}

Result<> write_file(const fs::path& path, const std::string& text, mode_t mode) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
  if (file < 0) return cannot_write(path, std::strerror(errno));
  const auto written = ::write(file, text.data(), text.size());
  const std::string why = std::strerror(errno);
  ::close(file);
  if (std::cmp_not_equal(written, text.size())) return cannot_write(path, why);
  return {};
}

}  // namespace

Result<DemoDirectory> DemoDirectory::make(fs::path path) {
  path = fs::absolute(path).lexically_normal();
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return cannot_write(path, error.message());
  if (auto owned = check_owner(path); !owned) return std::unexpected(owned.error());
  if (auto marked = check_marker(path); !marked) return std::unexpected(marked.error());
  auto lock = lock_marker(path);
  if (!lock) return std::unexpected(lock.error());
  DemoDirectory directory(std::move(path), *lock);
  end_orphan(directory.path_);
  if (auto cleared = clear(directory.path_); !cleared) return std::unexpected(cleared.error());
  // The server may run as another user than the demo: it must get through to its data.
  fs::permissions(directory.path_, fs::perms(0755), error);
  return directory;
}

DemoDirectory::DemoDirectory(DemoDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

DemoDirectory::~DemoDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

Result<> DemoDirectory::write_push_trust(const std::string& pem) const {
  return write_file(push_trust(), pem, 0644);
}

Result<> DemoDirectory::write_environment(const std::string& api_url, const std::string& token,
                                          const std::string& device) const {
  return write_file(environment(),
                    fmt::format("export MOORING_API={}\nexport MOORING_TOKEN={}\nexport MOORING_DEVICE={}\n",
                                api_url, token, device),
                    0600);
}

Result<> DemoDirectory::write_pid(const char* name, int pid) const {
  return write_file(path_ / name, fmt::format("{}\n", pid), 0644);
}

void DemoDirectory::forget_pids() const {
  std::error_code ignored;
  fs::remove(path_ / "server.pid", ignored);
  fs::remove(path_ / "demo.pid", ignored);
}

fs::path default_demo_directory() {
  std::error_code error;
  auto parent = fs::temp_directory_path(error);
  if (error) parent = "/tmp";
  return parent / "mooring-demo";
}

}  // namespace mooring::app
