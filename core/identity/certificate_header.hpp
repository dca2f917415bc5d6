// SPDX-License-Identifier: Apache-2.0
// The client certificate that a proxy verified, as it stands in a header of the request.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace mooring::core {

/// DER of the device's certificate; the form is recognised from the value:
///  - RFC 9440 Client-Cert: `:BASE64:`
///  - nginx $ssl_client_escaped_cert, AWS ALB X-Amzn-Mtls-Clientcert and -Leaf: PEM, percent-encoded. `+` is
///  a
///    `+`. Of several certificates the first, which is the leaf.
///  - nginx $ssl_client_cert, Apache %{SSL_CLIENT_CERT}s: PEM whose line ends became blanks or tabs
///  - Envoy X-Forwarded-Client-Cert: `By=...;Cert="..."`. Of several elements the last: that one was added by
///    the proxy that speaks to us, those before it may come from anybody. `Chain` serves where there is no
///    `Cert`.
///  - Traefik X-Forwarded-Tls-Client-Cert: base64 without armour, commas between certificates, leaf first
///  - HAProxy ssl_c_der,base64: base64
/// The bytes are not read any further. Errors: identity.header.
Result<std::string> certificate_of_header(std::string_view value);

}  // namespace mooring::core
