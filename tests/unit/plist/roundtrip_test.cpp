// SPDX-License-Identifier: Apache-2.0
// What we write we read back, and libplist agrees with us in both directions.
#include <gtest/gtest.h>
#include <plist/plist.h>

#include <cstdlib>
#include <memory>

#include "base/plist/plist.hpp"
#include "tests/unit/plist/sample_values.hpp"

namespace mooring::plist::test {
namespace {

constexpr int kRounds = 100;

using Node = std::unique_ptr<void, void (*)(plist_t)>;

plist_t to_libplist(const Value& value) {
  if (const auto* text = value.as<std::string>()) return plist_new_string(text->c_str());
  if (const auto* number = value.as<std::int64_t>()) {
    return plist_new_uint(static_cast<std::uint64_t>(*number));
  }
  if (const auto* real = value.as<double>()) return plist_new_real(*real);
  if (const auto* flag = value.as<bool>()) return plist_new_bool(*flag ? 1 : 0);
  if (const auto* data = value.as<Data>()) return plist_new_data(data->bytes.data(), data->bytes.size());
  if (const auto* date = value.as<Date>()) {
    return plist_new_date(static_cast<std::int32_t>(date->unix_seconds - 978307200), 0);
  }
  if (const auto* array = value.as<Array>()) {
    plist_t node = plist_new_array();
    for (const Value& item : *array) plist_array_append_item(node, to_libplist(item));
    return node;
  }
  plist_t node = plist_new_dict();
  for (const auto& [key, item] : *value.as<Dict>()) plist_dict_set_item(node, key.c_str(), to_libplist(item));
  return node;
}

Value from_libplist(plist_t node);

Dict dict_from_libplist(plist_t node) {
  Dict dict;
  plist_dict_iter cursor = nullptr;
  plist_dict_new_iter(node, &cursor);
  char* key = nullptr;
  plist_t item = nullptr;
  plist_dict_next_item(node, cursor, &key, &item);
  while (item != nullptr) {
    dict.set(key, from_libplist(item));
    std::free(key);
    plist_dict_next_item(node, cursor, &key, &item);
  }
  std::free(cursor);
  return dict;
}

Value from_libplist(plist_t node) {
  std::uint64_t length = 0;
  switch (plist_get_node_type(node)) {
    case PLIST_STRING: {
      const char* text = plist_get_string_ptr(node, &length);
      return std::string(text, length);
    }
    case PLIST_UINT: {
      plist_get_uint_val(node, &length);
      return static_cast<std::int64_t>(length);
    }
    case PLIST_REAL: {
      double real = 0;
      plist_get_real_val(node, &real);
      return real;
    }
    case PLIST_BOOLEAN: {
      std::uint8_t flag = 0;
      plist_get_bool_val(node, &flag);
      return flag != 0;
    }
    case PLIST_DATA: {
      const char* bytes = plist_get_data_ptr(node, &length);
      return Data{std::string(bytes, length)};
    }
    case PLIST_DATE: {
      std::int32_t seconds = 0;
      std::int32_t fraction = 0;
      plist_get_date_val(node, &seconds, &fraction);
      return Date{std::int64_t{seconds} + 978307200};
    }
    case PLIST_ARRAY: {
      Array array;
      for (std::uint32_t i = 0; i < plist_array_get_size(node); ++i) {
        array.push_back(from_libplist(plist_array_get_item(node, i)));
      }
      return array;
    }
    default:
      return dict_from_libplist(node);
  }
}

Value read_by_libplist(const std::string& bytes) {
  plist_t raw = nullptr;
  plist_from_memory(bytes.data(), static_cast<std::uint32_t>(bytes.size()), &raw);
  const Node node(raw, plist_free);
  if (node == nullptr) {
    ADD_FAILURE() << "libplist cannot read what we wrote: " << bytes;
    return {};
  }
  return from_libplist(node.get());
}

std::string written_by_libplist(const Value& value, bool binary) {
  const Node node(to_libplist(value), plist_free);
  char* bytes = nullptr;
  std::uint32_t length = 0;
  if (binary) {
    plist_to_bin(node.get(), &bytes, &length);
  } else {
    plist_to_xml(node.get(), &bytes, &length);
  }
  std::string out(bytes, length);
  std::free(bytes);
  return out;
}

class RoundTrip : public testing::TestWithParam<std::uint64_t> {
 protected:
  Random random_{GetParam()};
};

TEST_P(RoundTrip, XmlAndBinaryGiveTheSameValueBack) {
  for (int i = 0; i < kRounds; ++i) {
    const Value value = sample_value(random_, {});
    const auto xml = parse(to_xml(value));
    ASSERT_TRUE(xml) << xml.error().message << to_xml(value);
    ASSERT_EQ(*xml, value) << to_xml(value);
    const auto fragment = parse("<plist>" + to_xml_fragment(value) + "</plist>");
    ASSERT_TRUE(fragment) << fragment.error().message;
    ASSERT_EQ(*fragment, value);
    const auto binary = parse(to_binary(value));
    ASSERT_TRUE(binary) << binary.error().message << to_xml(value);
    ASSERT_EQ(*binary, value) << to_xml(value);
    ASSERT_EQ(to_xml(*binary), to_xml(value));
    ASSERT_EQ(canonical(*binary), canonical(value));
  }
}

TEST_P(RoundTrip, LibplistReadsWhatWeWrite) {
  for (int i = 0; i < kRounds; ++i) {
    const Value value = sample_value(random_, {.libplist = true});
    ASSERT_EQ(read_by_libplist(to_xml(value)), value) << to_xml(value);
    ASSERT_EQ(read_by_libplist(to_binary(value)), value) << to_xml(value);
  }
}

TEST_P(RoundTrip, WeReadWhatLibplistWrites) {
  for (int i = 0; i < kRounds; ++i) {
    const Value value = sample_value(random_, {.libplist = true});
    const auto binary = parse(written_by_libplist(value, true));
    ASSERT_TRUE(binary) << binary.error().message;
    ASSERT_EQ(*binary, value) << to_xml(value);
    const std::string text = written_by_libplist(value, false);
    const auto xml = parse(text);
    ASSERT_TRUE(xml) << xml.error().message << text;
    ASSERT_EQ(*xml, value) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RoundTrip, testing::Values(1, 2, 3, 20241));

}  // namespace
}  // namespace mooring::plist::test
