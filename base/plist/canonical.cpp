// SPDX-License-Identifier: Apache-2.0
// A form for hashing. Injective: every value starts with its type, and everything of variable length carries
// its length, so that no two different values share one form.
#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>

#include "base/plist/plist.hpp"

namespace mooring::plist {
namespace {

class CanonicalWriter {
 public:
  explicit CanonicalWriter(std::string& out) : out_(out) {}
  void write(const Value& value) {
    std::visit([this](const auto& held) { form(held); }, value.variant());
  }

 private:
  template <class Integer>
  void number(char type, Integer value, char end) {
    char buffer[24];
    out_ += type;
    out_.append(buffer, std::to_chars(buffer, std::end(buffer), value).ptr);
    out_ += end;
  }
  void bytes(char type, std::string_view content) {
    number(type, content.size(), ':');
    out_ += content;
  }

  void form(const std::string& text) { bytes('s', text); }
  void form(std::int64_t value) { number('i', value, ';'); }
  void form(std::uint64_t value) { number('i', value, ';'); }
  void form(double value) {
    // One form for both zeros and one for every NaN.
    const double single = std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value + 0.0;
    number('r', std::bit_cast<std::uint64_t>(single), ';');
  }
  void form(bool flag) { out_ += flag ? 't' : 'f'; }
  void form(const Data& data) { bytes('d', data.bytes); }
  void form(Date date) { number('D', date.unix_seconds, ';'); }
  void form(const Array& array) {
    number('a', array.size(), ':');
    for (const Value& item : array) write(item);
  }
  void form(const Dict& dict) {
    std::vector<const Dict::Entry*> sorted;
    sorted.reserve(dict.size());
    for (const auto& entry : dict) sorted.push_back(&entry);
    std::ranges::sort(sorted, {}, [](const Dict::Entry* entry) -> std::string_view { return entry->first; });
    number('m', sorted.size(), ':');
    for (const Dict::Entry* entry : sorted) {
      bytes('k', entry->first);
      write(entry->second);
    }
  }

  std::string& out_;
};

}  // namespace

std::string canonical(const Value& value) {
  std::string out;
  CanonicalWriter(out).write(value);
  return out;
}

}  // namespace mooring::plist
