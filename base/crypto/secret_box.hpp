// SPDX-License-Identifier: Apache-2.0
// Secrets at rest: AES-256-GCM under the server's master key.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace mooring::crypto {

class SecretBox {
 public:
  using Key = std::array<std::uint8_t, 32>;
  explicit SecretBox(const Key& key) : key_(key) {}

  /// `context` binds the result to its place (e.g. "unlock-token:<enrollment id>"): elsewhere it does not
  /// open.
  std::string seal(std::string_view secret, std::string_view context) const;
  /// secret.damaged where key, context or bytes are not those of seal().
  Result<std::string> open(std::string_view sealed, std::string_view context) const;

 private:
  Key key_;
};

/// Reads the 64 hex digits of `file`, or makes the file (mode 0600) with a random key.
Result<SecretBox::Key> load_or_make_master_key(const std::filesystem::path& file);

}  // namespace mooring::crypto
