// SPDX-License-Identifier: Apache-2.0
// `mooring profiles`: declared profiles of a running server, from the command line.
#pragma once

#include <string>

#include "app/api_call.hpp"

namespace mooring::app {

struct ProfilesOptions {
  ApiAccess api;
  std::string file;      ///< put: a .mobileconfig.
  std::string name;      ///< put: empty: its PayloadIdentifier.
  std::string scope;     ///< put: also assigns it there; empty: it does not.
  std::string confirm;   ///< delete: what the server asked for.
  bool content = false;  ///< show: the profile itself.
};

// Each returns the exit status; what went wrong is said on standard error.
int profiles_put(const ProfilesOptions& options);
int profiles_list(const ProfilesOptions& options);
int profiles_show(const ProfilesOptions& options);
int profiles_delete(const ProfilesOptions& options);
std::string profiles_help();

}  // namespace mooring::app
