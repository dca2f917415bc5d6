// SPDX-License-Identifier: Apache-2.0
#include "app/push_cert.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "core/push_certificate_files.hpp"
#include "core/push_request.hpp"

namespace mooring::app {
namespace {

using Json = nlohmann::json;

int report(const Result<>& result) {
  if (result) return 0;
  fmt::print(stderr, "mooring: {}\n", result.error().message);
  return 1;
}

Result<std::string> slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Failure::invalid, "push_cert.file", fmt::format("cannot read {}", path));
  return std::string{std::istreambuf_iterator<char>(file), {}};
}

/// The first line of a file that holds a secret; empty where no file is named.
Result<std::string> secret_of(const std::string& path) {
  if (path.empty()) return std::string();
  auto text = slurp(path);
  if (text) text->resize(std::min(text->find_first_of("\r\n"), text->size()));
  return text;
}

/// `fresh`: never over what is there; a private key may be the only one of its certificate.
Result<> write_text(const std::string& path, const std::string& text, mode_t mode, bool fresh) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (fresh ? O_EXCL : O_TRUNC), mode);
  if (file < 0) {
    return fail(Failure::invalid, "push_cert.file",
                fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  }
  const auto written = ::write(file, text.data(), text.size());
  const std::string why = std::strerror(errno);
  const bool closed = ::close(file) == 0;
  if (std::cmp_equal(written, text.size()) && closed) return {};
  return fail(Failure::invalid, "push_cert.file", fmt::format("cannot write {}: {}", path, why));
}

Result<> make_csr(const PushCertOptions& options) {
  const auto password = secret_of(options.key_password_file);
  if (!password) return std::unexpected(password.error());
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::rsa_2048);
  const auto csr = core::make_push_csr(
      {.common_name = options.common_name, .country = options.country, .email = options.email}, key);
  if (!csr) return std::unexpected(csr.error());
  const auto pem = core::key_pem(key, *password);
  if (!pem) return std::unexpected(pem.error());
  if (auto written = write_text(options.key, *pem, 0600, true); !written) return written;
  if (auto written = write_text(options.csr, *csr, 0644, false); !written) return written;
  fmt::print(
      "Private key  {}{}\nRequest      {}\nNext: have the request signed by an MDM vendor (mooring push-cert "
      "vendor-request), upload the result at\nhttps://identity.apple.com/pushcert, and keep the key: the "
      "certificate "
      "is worth nothing without it.\n",
      options.key, password->empty() ? " (not encrypted)" : " (encrypted)", options.csr);
  return {};
}

Result<> make_request_for_apple(const PushCertOptions& options) {
  const auto csr = slurp(options.csr);
  if (!csr) return std::unexpected(csr.error());
  auto chain = slurp(options.vendor_certificate);
  if (!chain) return std::unexpected(chain.error());
  if (!options.vendor_chain.empty()) {
    const auto more = slurp(options.vendor_chain);
    if (!more) return std::unexpected(more.error());
    *chain += "\n" + *more;
  }
  const auto key_text = slurp(options.vendor_key);
  if (!key_text) return std::unexpected(key_text.error());
  const auto password = secret_of(options.vendor_key_password_file);
  if (!password) return std::unexpected(password.error());
  const auto key = crypto::PrivateKey::parse(*key_text, *password);
  if (!key) return std::unexpected(key.error());
  const auto request = core::make_vendor_request(*csr, *chain, *key);
  if (!request) return std::unexpected(request.error());
  if (auto written = write_text(options.output, *request, 0644, false); !written) return written;
  fmt::print(
      "Request for Apple  {}\nNext: upload it at https://identity.apple.com/pushcert, and download the "
      "certificate.\n",
      options.output);
  return {};
}

void print_certificate(const Json& certificate) {
  fmt::print("{}\n  valid until  {} ({} days)\n  subject      {}\n  uploaded     {}\n",
             certificate["topic"].get<std::string>(), certificate["not_after"].get<std::string>(),
             certificate["days_left"].get<int>(), certificate["subject"].get<std::string>(),
             certificate["uploaded_at"].get<std::string>());
  if (certificate["failure"].is_string()) {
    fmt::print("  REFUSED      {} (at {})\n", certificate["failure"].get<std::string>(),
               certificate["failed_at"].get<std::string>());
  }
}

Result<> upload(const PushCertOptions& options) {
  // Checked here as well: what is wrong shows before anything leaves this machine.
  const auto bundle = core::read_push_source({.certificate = options.certificate,
                                              .key = options.certificate_key,
                                              .key_password_file = options.key_password_file},
                                             SystemClock().now());
  if (!bundle) return std::unexpected(bundle.error());
  http::Request request{.method = "PUT", .target = "/v1/push-certificates"};
  request.headers.set("Content-Type", "application/x-pem-file");
  request.body = bundle->identity.certificate_chain + bundle->identity.private_key;
  const auto stored = call_api(options.api, std::move(request));
  if (!stored) return std::unexpected(stored.error());
  print_certificate(*stored);
  for (const auto& warning : (*stored)["warnings"]) {
    fmt::print(stderr, "WARNING: {}\n", warning.get<std::string>());
  }
  return {};
}

Result<> show(const PushCertOptions& options) {
  http::Request request{.target = "/v1/push-certificates"};
  if (!options.topic.empty()) request.target += "/" + options.topic;
  const auto answer = call_api(options.api, std::move(request));
  if (!answer) return std::unexpected(answer.error());
  if (!answer->contains("items")) {
    print_certificate(*answer);
    return {};
  }
  for (const auto& certificate : (*answer)["items"]) print_certificate(certificate);
  if ((*answer)["items"].empty()) fmt::print("There is no push certificate.\n");
  return {};
}

}  // namespace

int push_cert_csr(const PushCertOptions& options) { return report(make_csr(options)); }
int push_cert_vendor_request(const PushCertOptions& options) {
  return report(make_request_for_apple(options));
}
int push_cert_upload(const PushCertOptions& options) { return report(upload(options)); }
int push_cert_show(const PushCertOptions& options) { return report(show(options)); }

std::string push_cert_help() {
  return "mooring push-cert, from a new key to a certificate in use (docs/push.md):\n\n"
         "  push-cert csr --cn NAME --email ADDRESS [--country US] [--key FILE] [--key-password-file FILE]\n"
         "                [--csr FILE]\n"
         "      makes an RSA key (a new file, readable by its owner only) and the request for a certificate\n"
         "  push-cert vendor-request --vendor-cert FILE --vendor-key FILE [--vendor-key-password-file FILE]\n"
         "                [--vendor-chain FILE] [--csr FILE] [--out FILE]\n"
         "      signs the request as an MDM vendor; the result is uploaded at identity.apple.com/pushcert\n"
         "  push-cert upload --cert FILE [--key FILE] [--key-password-file FILE] [--api URL] [--token-file "
         "FILE]\n"
         "                [--api-trust FILE]\n"
         "      gives certificate and key to a running server\n"
         "  push-cert show [--topic TOPIC] [--api URL] [--token-file FILE] [--api-trust FILE]\n"
         "      what the server has, and whether Apple takes it\n\n"
         "Without --api and --token-file, $MOORING_API (default http://127.0.0.1:8000) and $MOORING_TOKEN.\n";
}

}  // namespace mooring::app
