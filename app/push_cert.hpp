// SPDX-License-Identifier: Apache-2.0
// `mooring push-cert`: from a new key to a push certificate in a running server.
#pragma once

#include <string>

namespace mooring::app {

struct PushCertApi {
  std::string url;         ///< Empty: $MOORING_API, or http://127.0.0.1:8000.
  std::string token_file;  ///< Empty: $MOORING_TOKEN.
  std::string trust_file;  ///< PEM of the roots of an https:// API; empty: the system's.
};

struct PushCertOptions {
  // csr
  std::string common_name;
  std::string country = "US";
  std::string email;
  // files
  std::string csr = "push.csr";
  std::string key = "push.key";
  std::string key_password_file;
  std::string certificate;
  std::string certificate_key;  ///< Empty: beside the certificate.
  std::string output = "push-request.b64";
  // vendor-request
  std::string vendor_certificate;
  std::string vendor_chain;
  std::string vendor_key;
  std::string vendor_key_password_file;
  // upload, show
  PushCertApi api;
  std::string topic;
};

// Each returns the exit status; what went wrong is said on standard error.
int push_cert_csr(const PushCertOptions& options);
int push_cert_vendor_request(const PushCertOptions& options);
int push_cert_upload(const PushCertOptions& options);
int push_cert_show(const PushCertOptions& options);
std::string push_cert_help();

}  // namespace mooring::app
