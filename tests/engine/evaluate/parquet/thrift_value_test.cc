#include "engine/evaluate/parquet/thrift_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace strata {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Bytes by the specification's own tables: a header is (step of the id) * 16 + type.
TEST(ThriftValueTest, ReadsEveryTypeThatParquetUses) {
  constexpr char kBytes[] =
      "\x15\x01"              // field 1: int32, zigzag 1 = -1
      "\x11"                  // field 2: true
      "\x12"                  // field 3: false
      "\x18\x02hi"            // field 4: binary
      "\x19\x35\x02\x04\x06"  // field 5: list of 3 int32: 1, 2, 3
      "\x1c\x13\x80\x00"      // field 6: struct with field 1: byte -128
      "\x06\x28\xc8\x01"      // field 20 by its own id (zigzag 40): int64, zigzag 200 = 100
      "\x17\x00\x00\x00\x00\x00\x00\x00\x40"  // field 21: double
      "\x00rest";
  const std::string bytes(kBytes, sizeof(kBytes) - 1);
  const auto parsed = ParseThriftStruct(bytes);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->num_bytes, bytes.find("rest"));
  const ThriftValue& root = parsed->root;
  EXPECT_THAT(root.field_ids, ElementsAre(1, 2, 3, 4, 5, 6, 20, 21));
  EXPECT_EQ(*root.Integer(1, "a"), -1);
  EXPECT_EQ(*root.Integer(2, "b"), 1);
  EXPECT_EQ(*root.IntegerOr(3, 7, "c"), 0);
  EXPECT_EQ(*root.IntegerOr(7, 7, "absent"), 7);
  EXPECT_EQ(*root.Bytes(4, "d"), "hi");
  const auto list = root.Child(5, ThriftValue::Kind::kList, "e");
  ASSERT_TRUE(list.ok());
  ASSERT_EQ((*list)->elements.size(), 3u);
  EXPECT_EQ((*list)->elements[2].integer, 3);
  const auto child = root.Child(6, ThriftValue::Kind::kStruct, "f");
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(*(*child)->Integer(1, "g"), -128);
  EXPECT_EQ(*root.Integer(20, "h"), 100);
  EXPECT_EQ(root.Field(21)->bytes.size(), 8u);
  EXPECT_THAT(root.Bytes(1, "a").status().message(), HasSubstr("'a' (Thrift field 1)"));
  EXPECT_TRUE(absl::IsDataLoss(root.Integer(9, "i").status()));
}

TEST(ThriftValueTest, BrokenBytesAreDataLoss) {
  const std::pair<const char*, std::string> cases[] = {
      {"cut off", ""},
      {"cut off", "\x18\x05hi"},
      {"cut off", std::string("\x19\xf5\xff\xff\xff\xff\x0f", 7)},  // a list of 2^32 - 1
      {"more than 64 bits", std::string("\x15") + std::string(11, '\xff')},
      {"field", std::string("\x05\x00\x02\x00", 4)},          // id 0
      {"field", std::string("\x25\x02\x05\x02\x02\x00", 6)},  // id 1 behind 2
      {"not Parquet's", std::string("\x1b\x00\x00", 3)},      // a map
      {"nested too deeply", std::string(100, '\x1c')},
  };
  for (const auto& [cause, bytes] : cases) {
    const absl::Status status = ParseThriftStruct(bytes).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << cause << ": " << status;
    EXPECT_THAT(status.message(), HasSubstr(cause));
  }
  // Two million booleans, a byte each.
  std::string many("\x19\xf1\x80\x89\x7a", 5);
  many.append(2'000'000, '\x01');
  EXPECT_THAT(ParseThriftStruct(many).status().message(), HasSubstr("too many values"));
}

}  // namespace
}  // namespace strata
