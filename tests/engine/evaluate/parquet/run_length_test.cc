#include "engine/evaluate/parquet/run_length.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace strata {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(RunLengthTest, ReadsTheExampleOfTheSpecification) {
  // Encodings.md: 0 to 7 in 3 bits are 10001000 11000110 11111010, after the header 1 << 1 | 1.
  EXPECT_THAT(*DecodeRunLength("\x03\x88\xc6\xfa", 3, 8), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(*DecodeRunLength("\x03\x88\xc6\xfa", 3, 5), ElementsAre(0, 1, 2, 3, 4));
}

TEST(RunLengthTest, RunsAndPackedGroupsFollowEachOther) {
  // 4 times 300 in 9 bits (2 bytes), then 8 packed ones of 9 bits.
  std::string bytes("\x08\x2c\x01\x03", 4);
  bytes += std::string("\x01\x02\x04\x08\x10\x20\x40\x80\x00", 9);
  const auto values = DecodeRunLength(bytes, 9, 12);
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_THAT(*values, ElementsAre(300, 300, 300, 300, 1, 1, 1, 1, 1, 1, 1, 1));
  EXPECT_THAT(*DecodeRunLength("\x06", 0, 3), ElementsAre(0, 0, 0));  // no bits, no bytes
  EXPECT_TRUE(DecodeRunLength("", 1, 0)->empty());
  EXPECT_THAT(*DecodeRunLength("\x02\xff\xff\xff\xff", 32, 1), ElementsAre(0xffffffffu));
}

TEST(RunLengthTest, BrokenBytesAreDataLoss) {
  const std::pair<const char*, std::string> cases[] = {
      {"cut off after 0", ""},
      {"header of a run", "\x80"},
      {"header of a run", "\xff\xff\xff\xff\xff\xff"},
      {"cut off", "\x06"},                         // a run without its value
      {"cut off", "\x03"},                         // a packed group without its bits
      {"a run of 0", std::string("\x00\x01", 2)},  // would never end
      {"a packed run of 0", "\x01\x01"},
      {"a run of 9 numbers where 8", "\x12\x01"},
      {"a packed run of 16 numbers where 8", "\x05\x01\x01"},
      {"more than 1 bits", "\x10\x02"},
  };
  for (const auto& [cause, bytes] : cases) {
    const absl::Status status = DecodeRunLength(bytes, 1, 8).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << cause << ": " << status;
    EXPECT_THAT(status.message(), HasSubstr(cause));
  }
}

}  // namespace
}  // namespace strata
