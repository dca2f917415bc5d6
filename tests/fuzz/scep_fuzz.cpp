// SPDX-License-Identifier: Apache-2.0
// Any bytes as a SCEP message, and as what is inside one: behind a signature and a cipher no mutation would
// get far. The key of the corpus is scep_key.pem, which protects nothing else.
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "core/scep/detail/parts.hpp"
#include "core/scep/policy.hpp"
#include "tests/fuzz/require.hpp"

namespace {

namespace scep = mooring::core::scep;
using mooring::crypto::Signer;

using mooring::fuzz::require;

// As old as the corpus, so that its signing times are good.
constexpr mooring::Time kNow{std::chrono::microseconds{1'793'000'000'000'000}};

const Signer& registrar() {
  static const Signer kRegistrar = [] {
    std::ifstream in(MOORING_FUZZ_KEY);
    auto key = mooring::crypto::PrivateKey::parse(std::string(std::istreambuf_iterator<char>(in), {}));
    require(key.has_value(), "no key");
    auto certificate = mooring::crypto::issue({.subject = {{"CN", "fuzz"}},
                                               .public_key = key->public_key(),
                                               .serial = "fuzz",
                                               .not_before = kNow,
                                               .not_after = kNow + std::chrono::hours(24 * 365),
                                               .ca = true,
                                               .key_encipherment = true},
                                              {.certificate = nullptr, .key = *key});
    return Signer{.certificate = *certificate, .key = *key};
  }();
  return kRegistrar;
}

scep::Party party() {
  static const auto kLegacy = *scep::LegacyCiphers::load();
  return {.registrar = registrar(), .legacy = kLegacy.get()};
}

void check_ask(const scep::CertificateAsk& ask) {
  const auto subject = scep::subject_of(ask, {.udid = "00008030-001C2D223456802E"});
  require(!subject || (!subject->empty() && subject->size() <= 16), "a subject without bounds");
}

void check_message(std::string_view bytes) {
  const auto message = scep::receive(bytes, party(), kNow);
  if (!message) return;
  require(!message->transaction_id.empty(), "a message without transactionID");
  const auto& authority = registrar().certificate;
  if (message->refusal) {
    require(scep::make_failure(*message, message->refusal->info, party(), authority).has_value(),
            "no refusal");
    return;
  }
  if (message->ask) check_ask(*message->ask);
  require(scep::make_success(*message, {.certificates = {authority.der}}, party(), authority).has_value(),
          "no answer");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  auto cipher = scep::Cipher::aes128;
  switch (data[0]) {
    case 'c':
      if (const auto ask = scep::detail::read_ask(bytes, nullptr, {}, party())) check_ask(*ask);
      break;
    case 'e':
      (void)scep::detail::open_envelope(bytes, party(), cipher);
      break;
    case 'x':
      (void)scep::subject_name(bytes);
      break;
    default:
      check_message(bytes);
  }
  mooring::crypto::detail::take_error();
  return 0;
}
