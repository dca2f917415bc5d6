// SPDX-License-Identifier: Apache-2.0
// One pass over the XML subset that property lists use, straight into a Value. Not recursive, no entity
// definitions, no look-back: time and memory are linear in the document whatever it holds.
#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <optional>

#include "base/encoding.hpp"
#include "base/plist/readers.hpp"
#include "base/plist/scalars.hpp"

namespace mooring::plist::detail {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kCdataOpen = "<![CDATA[";
constexpr std::size_t kLongestEntity = 16;  // "&#x" + eight digits is enough; more is no reference.

bool is_xml_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// A number reference, the text between "&#" and ";".
std::optional<std::uint32_t> code_point_of(std::string_view text) {
  const bool hex = text.starts_with('x') || text.starts_with('X');
  if (hex) text.remove_prefix(1);
  std::uint32_t code = 0;
  const char* last = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), last, code, hex ? 16 : 10);
  if (error != std::errc() || stop != last) return std::nullopt;
  if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return std::nullopt;
  return code;
}

char named_entity(std::string_view name) {
  if (name == "amp") return '&';
  if (name == "lt") return '<';
  if (name == "gt") return '>';
  if (name == "quot") return '"';
  if (name == "apos") return '\'';
  return 0;
}

class XmlReader {
 public:
  XmlReader(std::string_view bytes, const Limits& limits)
      : begin_(bytes.data()), p_(begin_), end_(begin_ + bytes.size()), limits_(limits), builder_(limits) {}

  Result<Value> read() {
    if (!prolog() || !body() || !epilog()) return std::unexpected(std::move(error_));
    return builder_.take_root();
  }

 private:
  struct Tag {
    std::string_view name;
    bool empty = false;  ///< <name/>
  };

  std::size_t offset() const { return static_cast<std::size_t>(p_ - begin_); }
  std::string_view rest() const { return {p_, static_cast<std::size_t>(end_ - p_)}; }
  bool bad(std::string_view why) {
    error_ = malformed(offset(), why);
    return false;
  }
  bool accept(Problem problem) {
    if (problem == Problem::none) return true;
    error_ = refused(problem, offset(), limits_);
    return false;
  }
  void skip_space() {
    while (p_ != end_ && is_xml_space(*p_)) ++p_;
  }

  bool encoding_ok();
  bool prolog();
  bool doctype();
  bool declared_encoding_ok(std::string_view declaration);
  bool skip_past(std::string_view close);
  bool skip_misc();
  bool body();
  bool epilog();
  bool open_tag(Tag& tag);
  bool close_tag(std::string_view name);
  bool close_container();
  bool element(const Tag& tag);
  bool leaf(const Tag& tag);
  bool flag(const Tag& tag);
  bool text(const Tag& tag, std::string_view& out);
  bool mixed_text();
  bool entity();

  const char* begin_;
  const char* p_;
  const char* end_;
  const Limits& limits_;
  Builder builder_;
  std::size_t entities_ = 0;
  bool done_ = false;    ///< </plist> was read.
  std::string scratch_;  ///< Text that needed decoding.
  Error error_;
};

bool XmlReader::encoding_ok() {
  const std::string_view all = rest();
  if (all.starts_with("\xFF\xFE") || all.starts_with("\xFE\xFF") ||
      all.starts_with(std::string_view("<\0", 2)) || all.starts_with(std::string_view("\0<", 2))) {
    error_ = {Failure::invalid, "plist.not_utf8", "the property list is UTF-16 or UTF-32; send UTF-8"};
    return false;
  }
  if (const std::size_t at = find_not_utf8(all); at != std::string_view::npos) {
    error_ = {Failure::invalid, "plist.not_utf8", fmt::format("property list, byte {}: not valid UTF-8", at)};
    return false;
  }
  if (const std::size_t at = all.find('\0'); at != std::string_view::npos) {
    p_ += at;
    return bad("a NUL byte");
  }
  return true;
}

// Other encodings are a superset of ASCII where it matters, so that only their higher characters are refused.
bool XmlReader::declared_encoding_ok(std::string_view declaration) {
  const std::size_t at = declaration.find("encoding");
  if (at == std::string_view::npos) return true;
  const std::size_t open = declaration.find_first_of("\"'", at);
  if (open == std::string_view::npos) return true;
  const std::size_t close = declaration.find(declaration[open], open + 1);
  if (close == std::string_view::npos) return true;
  const std::string_view name = declaration.substr(open + 1, close - open - 1);
  if (equal_ignoring_case(name, "utf-8") || equal_ignoring_case(name, "utf8")) return true;
  for (const char c : rest()) {
    if (static_cast<unsigned char>(c) >= 0x80) {
      error_ = {Failure::invalid, "plist.not_utf8", "the property list declares another encoding than UTF-8"};
      return false;
    }
  }
  return true;
}

bool XmlReader::prolog() {
  if (!encoding_ok()) return false;
  if (rest().starts_with(kByteOrderMark)) p_ += kByteOrderMark.size();
  skip_space();
  if (p_ == end_) return bad("the document is empty");
  if (rest().starts_with("<?xml")) {
    const char* start = p_;
    if (!skip_past("?>")) return false;
    if (!declared_encoding_ok({start, static_cast<std::size_t>(p_ - start)})) return false;
  }
  if (!skip_misc()) return false;
  if (rest().starts_with("<!DOCTYPE") && !(doctype() && skip_misc())) return false;
  if (!rest().starts_with("<plist")) return bad("expected <plist>: this is no XML property list");
  Tag tag;
  if (!open_tag(tag)) return false;
  if (tag.name != "plist") return bad("expected <plist>: this is no XML property list");
  if (tag.empty) return bad("<plist/> holds no value");
  return true;
}

// Only the name and the identifiers; an internal subset (where entity bombs live) is refused.
bool XmlReader::doctype() {
  char quote = 0;
  for (; p_ != end_; ++p_) {
    if (quote != 0) {
      if (*p_ == quote) quote = 0;
    } else if (*p_ == '"' || *p_ == '\'') {
      quote = *p_;
    } else if (*p_ == '[') {
      return bad("a DOCTYPE with declarations of its own");
    } else if (*p_ == '>') {
      ++p_;
      return true;
    }
  }
  return bad("the DOCTYPE does not end");
}

bool XmlReader::skip_past(std::string_view close) {
  const std::size_t at = rest().find(close);
  if (at == std::string_view::npos) return bad("a comment, CDATA section or instruction does not end");
  p_ += at + close.size();
  return true;
}

// White space, comments and processing instructions.
bool XmlReader::skip_misc() {
  while (true) {
    skip_space();
    if (end_ - p_ < 2 || p_[0] != '<' || (p_[1] != '!' && p_[1] != '?')) return true;
    if (p_[1] == '?') {
      if (!skip_past("?>")) return false;
    } else if (rest().starts_with("<!--")) {
      p_ += 4;
      if (!skip_past("-->")) return false;
    } else {
      return true;
    }
  }
}

bool XmlReader::body() {
  while (!done_) {
    if (!skip_misc()) return false;
    if (p_ == end_) return bad("the document ends inside an element");
    if (*p_ != '<') return bad("text where an element is expected");
    if (end_ - p_ > 1 && p_[1] == '/') {
      if (!close_container()) return false;
      continue;
    }
    Tag tag;
    if (!open_tag(tag) || !element(tag)) return false;
  }
  return true;
}

bool XmlReader::epilog() {
  if (!skip_misc()) return false;
  return p_ == end_ || bad("something follows </plist>");
}

// At '<'. Attributes are legal XML and mean nothing in a property list.
bool XmlReader::open_tag(Tag& tag) {
  const char* name = ++p_;
  while (p_ != end_ && *p_ >= 'a' && *p_ <= 'z') ++p_;
  tag.name = {name, static_cast<std::size_t>(p_ - name)};
  if (p_ != end_ && *p_ == '>') {
    ++p_;
    return true;
  }
  char quote = 0;
  bool slash = false;
  if (p_ != end_ && *p_ != '/' && !is_xml_space(*p_)) return bad("an unknown element");
  for (; p_ != end_; ++p_) {
    if (quote != 0) {
      if (*p_ == quote) quote = 0;
      continue;
    }
    if (*p_ == '>') {
      tag.empty = slash;
      ++p_;
      return true;
    }
    if (*p_ == '<') break;
    if (*p_ == '"' || *p_ == '\'') quote = *p_;
    slash = *p_ == '/';
  }
  return bad("a tag does not end");
}

// At "</".
bool XmlReader::close_tag(std::string_view name) {
  const std::string_view left = rest();
  if (left.size() < name.size() + 3 || left[1] != '/' || left.substr(2, name.size()) != name) {
    return bad(fmt::format("expected </{}>", name));
  }
  p_ += 2 + name.size();
  skip_space();
  if (p_ == end_ || *p_ != '>') return bad(fmt::format("expected </{}>", name));
  ++p_;
  return true;
}

bool XmlReader::close_container() {
  if (builder_.inside()) {
    return close_tag(builder_.inside_dict() ? "dict" : "array") && accept(builder_.close());
  }
  if (!close_tag("plist")) return false;
  if (!builder_.has_root()) return bad("<plist> holds no value");
  done_ = true;
  return true;
}

bool XmlReader::element(const Tag& tag) {
  if (tag.name == "key" || tag.name == "string") {
    std::string_view content;
    if (!text(tag, content)) return false;
    return accept(tag.name == "key" ? builder_.key(std::string(content))
                                    : builder_.value(std::string(content)));
  }
  if (tag.name == "dict" || tag.name == "array") {
    if (!accept(builder_.open(tag.name == "dict"))) return false;
    return !tag.empty || accept(builder_.close());
  }
  if (tag.name == "true" || tag.name == "false") return flag(tag);
  return leaf(tag);
}

bool XmlReader::flag(const Tag& tag) {
  if (!tag.empty) {
    skip_space();
    if (!close_tag(tag.name)) return false;
  }
  return accept(builder_.value(tag.name == "true"));
}

bool XmlReader::leaf(const Tag& tag) {
  const bool known = tag.name == "integer" || tag.name == "data" || tag.name == "date" || tag.name == "real";
  if (!known) return bad(fmt::format("an unknown element <{}>", tag.name));
  std::string_view content;
  if (!text(tag, content)) return false;
  if (tag.name == "integer") {
    auto number = parse_integer(content);
    return number ? accept(builder_.value(std::move(*number))) : bad("an <integer> that is no 64-bit number");
  }
  if (tag.name == "data") {
    auto decoded = from_base64(content);
    return decoded ? accept(builder_.value(Data{std::move(*decoded)})) : bad("a <data> that is not base64");
  }
  if (tag.name == "date") {
    const auto date = parse_date(content);
    return date ? accept(builder_.value(*date))
                : bad("a <date> that is not of the form 2001-12-31T23:59:59Z");
  }
  const auto number = parse_real(content);
  return number ? accept(builder_.value(*number)) : bad("a <real> that is no number");
}

// The text up to the closing tag, which is read too. Valid until the next call.
bool XmlReader::text(const Tag& tag, std::string_view& out) {
  out = {};
  if (tag.empty) return true;
  const auto* stop = static_cast<const char*>(std::memchr(p_, '<', static_cast<std::size_t>(end_ - p_)));
  if (stop == nullptr) return bad(fmt::format("<{}> does not end", tag.name));
  const std::string_view plain(p_, static_cast<std::size_t>(stop - p_));
  const bool closes = end_ - stop > 1 && stop[1] == '/';
  if (closes && plain.find('&') == std::string_view::npos) {
    out = plain;
    p_ = stop;
    return close_tag(tag.name);
  }
  if (!mixed_text()) return false;
  out = scratch_;
  return close_tag(tag.name);
}

// Text with references, CDATA sections or comments, up to the next closing tag.
bool XmlReader::mixed_text() {
  scratch_.clear();
  while (p_ != end_) {
    const char* plain = p_;
    while (p_ != end_ && *p_ != '<' && *p_ != '&') ++p_;
    scratch_.append(plain, p_);
    if (p_ == end_) break;
    if (*p_ == '&') {
      if (!entity()) return false;
    } else if (rest().starts_with("</")) {
      return true;
    } else if (rest().starts_with(kCdataOpen)) {
      p_ += kCdataOpen.size();
      const char* start = p_;
      if (!skip_past("]]>")) return false;
      scratch_.append(start, p_ - 3);
    } else if (rest().starts_with("<!--")) {
      p_ += 4;
      if (!skip_past("-->")) return false;
    } else {
      return bad("an element inside text");
    }
  }
  return bad("the document ends inside text");
}

bool XmlReader::entity() {
  if (++entities_ > limits_.entities) {
    error_ = {Failure::too_large, "plist.too_many_entities",
              fmt::format("property list, byte {}: more than {} references", offset(), limits_.entities)};
    return false;
  }
  const std::string_view ahead = rest().substr(1, kLongestEntity);
  const std::size_t length = ahead.find(';');
  if (length == std::string_view::npos) return bad("a & that starts no reference");
  const std::string_view name = ahead.substr(0, length);
  if (name.starts_with('#')) {
    const auto code = code_point_of(name.substr(1));
    if (!code) return bad("a character reference to no character");
    append_utf8(scratch_, *code);
  } else if (const char c = named_entity(name); c != 0) {
    scratch_ += c;
  } else {
    return bad("a reference to an unknown entity");
  }
  p_ += length + 2;
  return true;
}

}  // namespace

Result<Value> read_xml(std::string_view bytes, const Limits& limits) {
  return XmlReader(bytes, limits).read();
}

}  // namespace mooring::plist::detail
