// SPDX-License-Identifier: Apache-2.0
#include <openssl/rand.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/crypto/crypto.hpp"
#include "base/encoding.hpp"

namespace mooring::crypto {
namespace {

// A server that cannot draw random numbers must not hand out tokens: it stops.
void fill_random(unsigned char* out, std::size_t count) {
  if (RAND_bytes(out, static_cast<int>(count)) == 1) return;
  std::fputs("mooring: the system's random source does not answer\n", stderr);
  std::abort();
}

bool is_dash_place(std::size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; }

void stamp(Uuid& uuid, unsigned version) {
  uuid.bytes[6] = static_cast<std::uint8_t>((uuid.bytes[6] & 0x0FU) | version << 4U);
  uuid.bytes[8] = static_cast<std::uint8_t>((uuid.bytes[8] & 0x3FU) | 0x80U);
}

}  // namespace

std::string random_bytes(std::size_t count) {
  std::string out(count, '\0');
  fill_random(reinterpret_cast<unsigned char*>(out.data()), count);
  return out;
}

std::string Uuid::text() const {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(36);
  for (const std::uint8_t byte : bytes) {
    if (is_dash_place(out.size())) out += '-';
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  std::string hex;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_dash_place(i) != (text[i] == '-')) return std::nullopt;
    if (text[i] != '-') hex += text[i];
  }
  const auto decoded = from_hex(hex);
  if (!decoded) return std::nullopt;
  Uuid uuid;
  std::ranges::copy(*decoded, uuid.bytes.begin());
  return uuid;
}

Uuid Uuid::derived(std::string_view purpose, std::string_view name) {
  // The length keeps ("ab", "c") and ("a", "bc") apart.
  std::string seed = std::to_string(purpose.size());
  seed += ':';
  seed += purpose;
  seed += name;
  const Sha256 digest = sha256(seed);
  Uuid uuid;
  std::copy_n(digest.begin(), uuid.bytes.size(), uuid.bytes.begin());
  stamp(uuid, 8);
  return uuid;
}

Uuid Uuid::random() {
  Uuid uuid;
  fill_random(uuid.bytes.data(), uuid.bytes.size());
  stamp(uuid, 4);
  return uuid;
}

}  // namespace mooring::crypto
