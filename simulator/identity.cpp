// SPDX-License-Identifier: Apache-2.0
#include "simulator/identity.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "base/crypto/crypto.hpp"

namespace mooring::simulator {
namespace {

struct Model {
  Platform platform;
  const char* model;
  const char* model_name;
  const char* product_name;
};

struct Release {
  const char* version;
  const char* build;
};

constexpr std::array<Model, 7> kModels{{{Platform::mac, "MNEJ3", "MacBook Pro", "Mac14,7"},
                                        {Platform::mac, "MLY33", "MacBook Air", "Mac14,2"},
                                        {Platform::mac, "MQRC3", "iMac", "Mac15,5"},
                                        {Platform::mac, "MNH73", "Mac mini", "Mac14,3"},
                                        {Platform::iphone, "MLPF3", "iPhone", "iPhone14,5"},
                                        {Platform::iphone, "MTP03", "iPhone", "iPhone15,4"},
                                        {Platform::ipad, "MM9C3", "iPad", "iPad13,16"}}};
constexpr std::array<Release, 3> kMacReleases{
    {{"13.7.1", "22H221"}, {"14.7.1", "23H222"}, {"15.1", "24B83"}}};
constexpr std::array<Release, 3> kMobileReleases{
    {{"17.7.1", "21H216"}, {"18.0.1", "22A3370"}, {"18.1", "22B83"}}};

/// Letters of Apple's serial numbers: without I and O.
constexpr std::string_view kSerialLetters = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";

std::string serial_number(Random& random, std::uint64_t index) {
  std::string serial(12, 'C');
  for (std::size_t i = 1; i < 6; ++i) serial[i] = kSerialLetters[random.below(kSerialLetters.size())];
  // The index in the last places keeps them unique.
  for (std::size_t i = 11; i >= 6; --i, index /= kSerialLetters.size()) {
    serial[i] = kSerialLetters[index % kSerialLetters.size()];
  }
  return serial;
}

std::string udid_of(Platform platform, Random& random, std::uint64_t index) {
  if (platform == Platform::mac) {
    auto uuid = random_uuid(random);
    return uuid.substr(0, 24) + fmt::format("{:04X}{:08X}", random.below(0x10000), index & 0xFFFFFFFFU);
  }
  return fmt::format("00008110-{:08X}{:08X}", random.next() & 0xFFFFFFFFU, index & 0xFFFFFFFFU);
}

}  // namespace

std::string random_uuid(Random& random) {
  crypto::Uuid uuid;
  for (auto& byte : uuid.bytes) byte = static_cast<std::uint8_t>(random.below(256));
  uuid.bytes[6] = static_cast<std::uint8_t>((uuid.bytes[6] & 0x0FU) | 0x40U);
  uuid.bytes[8] = static_cast<std::uint8_t>((uuid.bytes[8] & 0x3FU) | 0x80U);
  return uuid.text();
}

Identity make_identity(std::uint64_t seed, std::uint64_t index) {
  constexpr std::uint64_t kGoldenRatio = 0x9E3779B97F4A7C15U;  // Spreads neighbouring indices over the seeds.
  Random random(seed ^ ((index + 1) * kGoldenRatio));
  const auto& model = kModels.at(random.below(kModels.size()));
  const auto& releases = model.platform == Platform::mac ? kMacReleases : kMobileReleases;
  const auto& release = releases.at(random.below(releases.size()));
  Identity identity{.model = std::string(model.model) + "LL/A",
                    .model_name = model.model_name,
                    .product_name = model.product_name,
                    .os_version = release.version,
                    .build_version = release.build,
                    .platform = model.platform};
  identity.udid = udid_of(model.platform, random, index);
  identity.serial = serial_number(random, index);
  identity.device_name = fmt::format("{} {}", model.model_name, index + 1);
  return identity;
}

schema::Target target_of(const Identity& identity) {
  const bool mac = identity.platform == Platform::mac;
  return {.platform = mac ? schema::Platform::macos : schema::Platform::ios,
          .os_version = identity.os_version};
}

}  // namespace mooring::simulator
