#include "engine/evaluate/data_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "kernels/base/file.h"

namespace strata {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

std::string Written(const std::string& name, const std::string& text) {
  const std::string path = absl::StrCat(::testing::TempDir(), "data_rows_", name);
  EXPECT_TRUE(WriteFileAtomically(path, text).ok());
  return path;
}

TEST(DataRowsTest, TheContentSaysWhichFormItIs) {
  const auto lines = ReadDataRows(Written("lines", "\n{\"a\" : 1}\r\n \n{\"a\": 2}"));
  ASSERT_TRUE(lines.ok()) << lines.status();
  ASSERT_EQ(lines->size(), 2u);
  EXPECT_EQ((*lines)[0].json, "{\"a\" : 1}\r");  // as it stands, white space and all
  EXPECT_THAT((*lines)[0].origin, EndsWith("lines:2"));
  EXPECT_THAT((*lines)[1].origin, EndsWith("lines:4"));

  const auto array = ReadDataRows(Written("array", " [{\"a\": 1}, {\"a\": 2}]"));
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ((*array)[1].json, "{\"a\":2}");
  EXPECT_THAT((*array)[1].origin, EndsWith("array: row 2"));

  const auto parquet = ReadDataRows(
      absl::StrCat(STRATA_SOURCE_DIR, "/tests/engine/evaluate/parquet/golden/gsm8k.parquet"));
  ASSERT_TRUE(parquet.ok()) << parquet.status();
  EXPECT_EQ(parquet->size(), 40u);
  EXPECT_THAT((*parquet)[39].origin, EndsWith("gsm8k.parquet: row 40"));
}

TEST(DataRowsTest, ErrorsNameTheFile) {
  const std::tuple<const char*, const char*, absl::StatusCode> cases[] = {
      {"empty", " \n", absl::StatusCode::kInvalidArgument},
      {"broken_array", "[{]", absl::StatusCode::kInvalidArgument},
      {"broken_parquet", "PAR1 and no more", absl::StatusCode::kDataLoss},
  };
  for (const auto& [name, text, code] : cases) {
    const absl::Status status = ReadDataRows(Written(name, text)).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(status.message(), HasSubstr(name));
  }
  EXPECT_TRUE(absl::IsNotFound(ReadDataRows("/no/such/file").status()));
}

}  // namespace
}  // namespace strata
