// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/http/tls.hpp"

namespace mooring::http {
namespace {

/// Changes whenever the file does: also where it was replaced by another of the same age.
std::string stamp_of(const std::filesystem::path& path) {
  struct stat about{};
  if (::stat(path.c_str(), &about) != 0) return "none";
  return std::to_string(about.st_ino) + ":" + std::to_string(about.st_size) + ":" +
         std::to_string(about.st_mtim.tv_sec) + "." + std::to_string(about.st_mtim.tv_nsec);
}

Result<std::string> content_of(const std::filesystem::path& path) {
  const auto refused = [&path](const std::string& why) {
    return fail(Failure::invalid, "tls.file", "Cannot read " + path.string() + ": " + why + ".");
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return refused("it is a directory");
  std::ifstream in(path, std::ios::binary);
  if (!in) return refused(std::strerror(errno));
  std::string content{std::istreambuf_iterator<char>(in), {}};
  if (content.empty()) return refused("it is empty");
  return content;
}

}  // namespace

TlsFiles::TlsFiles(std::filesystem::path certificate, std::filesystem::path private_key)
    : certificate_(std::move(certificate)), private_key_(std::move(private_key)) {}

Result<TlsIdentity> TlsFiles::read() {
  stamp_ = stamp_of(certificate_) + "," + stamp_of(private_key_);  // Before: a change meanwhile is not lost.
  auto chain = content_of(certificate_);
  if (!chain) return std::unexpected(chain.error());
  auto key = content_of(private_key_);
  if (!key) return std::unexpected(key.error());
  return TlsIdentity{std::move(*chain), std::move(*key)};
}

bool TlsFiles::changed() const { return stamp_ != stamp_of(certificate_) + "," + stamp_of(private_key_); }

}  // namespace mooring::http
