// SPDX-License-Identifier: Apache-2.0
#include "app/issued_certificate.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/crypto/x509.hpp"

namespace mooring::app {
namespace {

constexpr std::chrono::days kRenewBefore{30};

}  // namespace

/// The first line of the file; readers of PEM skip it.
std::string IssuedCertificate::names_line() const {
  return fmt::format("names: {}\n", fmt::join(names_, " "));
}

std::optional<http::TlsIdentity> IssuedCertificate::kept() const {
  std::ifstream in(file_, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(in), {}};
  if (!content.starts_with(names_line())) return std::nullopt;
  const auto chain = crypto::Certificate::parse_all(content);
  const auto key = crypto::PrivateKey::parse(content);
  if (!chain || chain->size() < 2 || !key || !chain->front().matches(*key)) return std::nullopt;
  if (!((*chain)[1] == authority_->certificate())) return std::nullopt;
  if (chain->front().not_after < clock_->now() + kRenewBefore) return std::nullopt;
  return http::TlsIdentity{.certificate_chain = content, .private_key = content};
}

Result<> IssuedCertificate::keep(const http::TlsIdentity& identity) const {
  const std::string content = names_line() + identity.certificate_chain + identity.private_key;
  auto written = file_;
  written += ".new";
  const int out = ::open(written.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool whole = out >= 0 && ::fchmod(out, 0600) == 0 &&
                     ::write(out, content.data(), content.size()) == static_cast<ssize_t>(content.size()) &&
                     ::fsync(out) == 0;
  const int error = errno;
  if (out >= 0) ::close(out);
  if (whole && ::rename(written.c_str(), file_.c_str()) == 0) return {};
  return fail(Failure::invalid, "tls.file",
              fmt::format("cannot write {}: {}", file_.string(), std::strerror(whole ? errno : error)));
}

Result<std::optional<http::TlsIdentity>> IssuedCertificate::look(bool first) const {
  if (auto present = kept()) {
    return first ? std::optional(std::move(*present)) : std::optional<http::TlsIdentity>();
  }
  auto issued = authority_->issue_server_certificate(names_, clock_->now());
  if (!issued) return std::unexpected(issued.error());
  if (auto written = keep(*issued); !written) return std::unexpected(written.error());
  return std::optional(std::move(*issued));
}

}  // namespace mooring::app
