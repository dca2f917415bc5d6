// SPDX-License-Identifier: Apache-2.0
// `mooring push-cert`: from a new key to a push certificate in a running server.
#pragma once

#include <string>

#include "app/api_call.hpp"

namespace mooring::app {

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
  ApiAccess api;
  std::string topic;
};

// Each returns the exit status; what went wrong is said on standard error.
int push_cert_csr(const PushCertOptions& options);
int push_cert_vendor_request(const PushCertOptions& options);
int push_cert_upload(const PushCertOptions& options);
int push_cert_show(const PushCertOptions& options);
std::string push_cert_help();

}  // namespace mooring::app
