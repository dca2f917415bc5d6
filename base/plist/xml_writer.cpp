// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <iterator>

#include "base/encoding.hpp"
#include "base/plist/plist.hpp"
#include "base/plist/scalars.hpp"

namespace mooring::plist {
namespace {

constexpr std::string_view kXmlHead =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
    "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
    "<plist version=\"1.0\">\n";
constexpr std::string_view kXmlTail = "</plist>\n";

class XmlWriter {
 public:
  /// Pretty: one element a line, a tab for each level; otherwise no white space at all.
  XmlWriter(std::string& out, bool pretty) : out_(out), pretty_(pretty) {}

  void write(const Value& value) {
    std::visit([this](const auto& held) { element(held); }, value.variant());
  }

 private:
  void indent() {
    if (pretty_) out_.append(level_, '\t');
  }
  void end_line() {
    if (pretty_) out_ += '\n';
  }
  void tagged(std::string_view name, std::string_view text) {
    out_ += '<';
    out_ += name;
    out_ += '>';
    out_ += text;
    out_ += "</";
    out_ += name;
    out_ += '>';
    end_line();
  }
  void escaped(std::string_view name, std::string_view text) {
    std::string safe;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t special = text.find_first_of("&<>\r", at);
      if (special == std::string_view::npos && at == 0) return tagged(name, text);
      safe += text.substr(at, special - at);
      if (special == std::string_view::npos) break;
      // A bare carriage return would become a line feed in readers that follow XML to the letter.
      const char c = text[special];
      safe += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : "&#13;";
      at = special + 1;
    }
    tagged(name, safe);
  }
  template <class Integer>
  void integer(Integer number) {
    char buffer[24];
    const char* stop = std::to_chars(buffer, std::end(buffer), number).ptr;
    tagged("integer", {buffer, static_cast<std::size_t>(stop - buffer)});
  }

  void element(const std::string& text) { escaped("string", text); }
  void element(std::int64_t number) { integer(number); }
  void element(std::uint64_t number) { integer(number); }
  void element(double number) {
    std::string text;
    detail::append_real(text, number);
    tagged("real", text);
  }
  void element(bool flag) {
    out_ += flag ? "<true/>" : "<false/>";
    end_line();
  }
  void element(const Data& data) { tagged("data", to_base64(data.bytes)); }
  void element(Date date) {
    std::string text;
    detail::append_date(text, date);
    tagged("date", text);
  }
  void element(const Array& array) {
    if (!open("array", array.empty())) return;
    for (const Value& item : array) {
      indent();
      write(item);
    }
    close("</array>");
  }
  void element(const Dict& dict) {
    if (!open("dict", dict.empty())) return;
    for (const auto& [key, value] : dict) {
      indent();
      escaped("key", key);
      indent();
      write(value);
    }
    close("</dict>");
  }
  bool open(std::string_view name, bool empty) {
    out_ += '<';
    out_ += name;
    out_ += empty ? "/>" : ">";
    end_line();
    if (!empty) ++level_;
    return !empty;
  }
  void close(std::string_view tag) {
    --level_;
    indent();
    out_ += tag;
    end_line();
  }

  std::string& out_;
  bool pretty_;
  std::size_t level_ = 0;
};

}  // namespace

std::string to_xml(const Value& value) {
  std::string out(kXmlHead);
  XmlWriter(out, true).write(value);
  out += kXmlTail;
  return out;
}

std::string to_xml_fragment(const Value& value) {
  std::string out;
  XmlWriter(out, false).write(value);
  return out;
}

}  // namespace mooring::plist
