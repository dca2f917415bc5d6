// SPDX-License-Identifier: Apache-2.0
#include "core/url_params.hpp"

#include <gtest/gtest.h>

namespace mooring::core::url_params_test {
namespace {

// covers: mdm.C16
TEST(UrlParams, BecomeAJsonObjectOfTexts) {
  EXPECT_EQ(url_params_json(""), "");
  EXPECT_EQ(url_params_json("&&"), "");
  EXPECT_EQ(url_params_json("=nameless"), "");
  EXPECT_EQ(url_params_json("site=berlin&group=lab"), R"({"group":"lab","site":"berlin"})");
  EXPECT_EQ(url_params_json("site=a+b%26c&flag"), R"({"flag":"","site":"a b&c"})");
  EXPECT_EQ(url_params_json("a=1&a=2"), R"({"a":"1"})");
  EXPECT_EQ(url_params_json("a=b=c"), R"({"a":"b=c"})");
  EXPECT_EQ(url_params_json("%C3%BC=%22"), R"({"ü":"\""})");
}

TEST(UrlParams, LeaveOutWhatCannotBeStored) {
  EXPECT_EQ(url_params_json("a=%00&b=%FF&%ED%A0%80=x&c=1"), R"({"c":"1"})");
  EXPECT_EQ(url_params_json("a=%zz"), R"({"a":"%zz"})");
}

}  // namespace
}  // namespace mooring::core::url_params_test
