// SPDX-License-Identifier: Apache-2.0
// Internal to api/compat/nanomdm: what answers each of its routes. All run on the io thread; what takes long
// goes to a database thread. A caller has shown a token before.
#pragma once

#include <memory>

#include "api/compat/nanomdm/nanomdm.hpp"

namespace mooring::api::nanomdm {

using SharedRequest = std::shared_ptr<const http::Request>;

Task<http::Response> put_push_certificate(NanoMdmDependencies& d, SharedRequest request);
Task<http::Response> get_push_certificate(NanoMdmDependencies& d, SharedRequest request);
Task<http::Response> push(NanoMdmDependencies& d, SharedRequest request);
Task<http::Response> enqueue(NanoMdmDependencies& d, SharedRequest request);
/// Passes an escrow key on to Apple, with the push certificate of the topic as client certificate.
Task<http::Response> unlock_escrow_key(NanoMdmDependencies& d, SharedRequest request);
/// Takes over an enrollment of another server: Authenticate, TokenUpdate, SetBootstrapToken as devices sent
/// them there.
Task<http::Response> migrate(NanoMdmDependencies& d, SharedRequest request);

}  // namespace mooring::api::nanomdm
