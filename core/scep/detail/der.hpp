// SPDX-License-Identifier: Apache-2.0
// ASN.1 as SCEP needs it: a reader that takes BER (some clients send indefinite lengths and strings in
// pieces) and a writer of DER (ITU-T X.690). Pure; certificates and names stay OpenSSL's business.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace mooring::core::detail {

namespace tag {
inline constexpr std::uint8_t kInteger = 0x02;
inline constexpr std::uint8_t kOctets = 0x04;
inline constexpr std::uint8_t kOid = 0x06;
inline constexpr std::uint8_t kPrintable = 0x13;
inline constexpr std::uint8_t kUtcTime = 0x17;
inline constexpr std::uint8_t kGeneralizedTime = 0x18;
inline constexpr std::uint8_t kSequence = 0x30;
inline constexpr std::uint8_t kSet = 0x31;
inline constexpr std::uint8_t kContext0 = 0xA0;  ///< Constructed.
inline constexpr std::uint8_t kPrimitive0 = 0x80;
inline constexpr std::uint8_t kConstructed = 0x20;
}  // namespace tag

/// The content octets of object identifiers.
namespace oid {
using namespace std::string_view_literals;
inline constexpr auto kData = "\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01"sv;
inline constexpr auto kSignedData = "\x2A\x86\x48\x86\xF7\x0D\x01\x07\x02"sv;
inline constexpr auto kEnvelopedData = "\x2A\x86\x48\x86\xF7\x0D\x01\x07\x03"sv;
inline constexpr auto kContentType = "\x2A\x86\x48\x86\xF7\x0D\x01\x09\x03"sv;
inline constexpr auto kMessageDigest = "\x2A\x86\x48\x86\xF7\x0D\x01\x09\x04"sv;
inline constexpr auto kSigningTime = "\x2A\x86\x48\x86\xF7\x0D\x01\x09\x05"sv;
inline constexpr auto kRsa = "\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01"sv;
inline constexpr auto kRsaPss = "\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0A"sv;
// 2.16.840.1.113733.1.9.x, of SCEP
inline constexpr auto kMessageType = "\x60\x86\x48\x01\x86\xF8\x45\x01\x09\x02"sv;
inline constexpr auto kPkiStatus = "\x60\x86\x48\x01\x86\xF8\x45\x01\x09\x03"sv;
inline constexpr auto kFailInfo = "\x60\x86\x48\x01\x86\xF8\x45\x01\x09\x04"sv;
inline constexpr auto kSenderNonce = "\x60\x86\x48\x01\x86\xF8\x45\x01\x09\x05"sv;
inline constexpr auto kRecipientNonce = "\x60\x86\x48\x01\x86\xF8\x45\x01\x09\x06"sv;
inline constexpr auto kTransactionId = "\x60\x86\x48\x01\x86\xF8\x45\x01\x09\x07"sv;
}  // namespace oid

struct Element {
  std::uint8_t tag = 0;      ///< With class and constructed bit.
  std::string_view content;  ///< Without header, and without the end marker of an indefinite length.
  std::string_view whole;    ///< As it came.
};

/// The elements of `bytes`, one after the other. Points into them.
class BerReader {
 public:
  explicit BerReader(std::string_view bytes) : rest_(bytes) {}

  bool done() const { return rest_.empty(); }
  /// nullopt at the end and where the bytes are no BER: cut off, nested deeper than 32, tags of several
  /// octets.
  std::optional<Element> next();
  /// The next where it has this tag; otherwise it stays, and this is nullopt.
  std::optional<Element> next(std::uint8_t tag);

 private:
  std::string_view rest_;
};

/// The octets of an OCTET STRING, or of one that is implicitly tagged, in one piece or several.
std::optional<std::string> octets_of(const Element& element);

// ---- DER
std::string der(std::uint8_t tag, std::string_view content);
std::string der(std::uint8_t tag, std::initializer_list<std::string_view> contents);
std::string der_integer(std::uint8_t value);  ///< Below 128.
/// SEQUENCE of an OID and what follows it.
std::string der_algorithm(std::string_view oid, std::string_view parameters);
inline constexpr std::string_view kDerNull{"\x05\x00", 2};

}  // namespace mooring::core::detail
